import { formatPrincipal, type Principal } from '@tidegate/auth';
import { Fault } from '@tidegate/fault';
import { withoutFields, type Fields, type Stage } from '@tidegate/pipeline';
import { reservedFields, type EgressLink } from '@tidegate/proxy';
import { formatTraceparent } from '@tidegate/observability';
import type { Clock } from '@tidegate/units';
import type { IngressExchange } from '../ingress-exchange.js';

export interface ForwardToEgressOptions {
  readonly link: EgressLink;
  /** The internal token of this moment (gateway/H5). */
  readonly internalToken: () => string;
  readonly clock: Clock;
}

/** A verified token's principal is one object for as long as it is cached: its field is written once. */
const principalFields = new WeakMap<Principal, string>();

/** The last stage: hands the request to egress and streams both bodies (gateway/U10, H7, H8, H9). */
export function forwardToEgress({ link, internalToken, clock }: ForwardToEgressOptions): Stage<IngressExchange> {
  return async function forwardToEgress(exchange) {
    const { head, body, route } = exchange;
    if (route === undefined) throw new Fault('internal', 'forwardToEgress without a route');
    refuseAnnouncedTooLarge(body.bytesAnnounced, route.bodyBytesMax);
    const now = clock.monotonicMs();
    exchange.forwardedAtMonotonicMs = now;
    exchange.deadlineAtMs = Math.min(exchange.deadlineAtMs, now + timeoutOf(exchange));
    const fields = toEgressFields(exchange);
    fields.push(reservedFields.token, internalToken(), reservedFields.principal, principalField(exchange.principal));
    await link.forward({
      head: { ...head, fields },
      body,
      response: exchange.response,
      cancellation: exchange.cancellation,
      deadlineAtMs: exchange.deadlineAtMs,
      streaming: route.stream,
      bodyBytesMax: route.bodyBytesMax,
    });
  };
}

function principalField(principal: Principal): string {
  let field = principalFields.get(principal);
  if (field === undefined) principalFields.set(principal, (field = formatPrincipal(principal)));
  return field;
}

function refuseAnnouncedTooLarge(bytesAnnounced: number | null, bodyBytesMax: number): void {
  if (bytesAnnounced === null || bytesAnnounced <= bodyBytesMax) return;
  throw new Fault('body-too-large', `announced ${bytesAnnounced} bytes, the route takes ${bodyBytesMax}`);
}

/** The route's time, else its service's (gateway/H7). */
function timeoutOf({ route, snapshot }: IngressExchange): number {
  return route?.timeoutMs ?? snapshot?.services[route?.service ?? '']?.timeoutMs ?? 15_000;
}

const isWrittenHere = (name: string): boolean => name === 'traceparent' || name === 'x-request-id';

/** The client's fields, and what the next hop is told. */
function toEgressFields(exchange: IngressExchange): Fields {
  const fields = withoutFields(exchange.head.fields, isWrittenHere);
  fields.push('x-request-id', exchange.requestId);
  fields.push('traceparent', formatTraceparent(exchange.traceId, exchange.spanId, exchange.isSampled));
  fields.push(reservedFields.route, exchange.route?.name ?? '');
  return fields;
}

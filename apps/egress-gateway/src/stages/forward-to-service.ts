import { Fault } from '@tidegate/fault';
import type { Fields, Stage } from '@tidegate/pipeline';
import {
  appendVia,
  CountedError,
  dispatchUpstream,
  reservedFields,
  streamIdleMs,
  toRequestFields,
  toResponseFields,
  type DeadlineWheel,
  type Endpoint,
  type ParsedFields,
  type UpstreamService,
} from '@tidegate/proxy';
import type { Clock } from '@tidegate/units';
import type { EgressExchange } from '../egress-exchange.js';
import { toEgressReport } from '../egress-report.js';
import { isErrorAnswer } from '../error-answer.js';
import { destinationOf } from './resolve-destination.js';

export interface ForwardToServiceOptions {
  readonly deadlines: DeadlineWheel;
  readonly clock: Clock;
}

/** Our name in Via (RFC 9110 section 7.6.3). */
const pseudonym = 'tidegate-egress';
/** Both hops, from ingress and to the service, speak HTTP/1.1. */
const httpVersion = '1.1';

/**
 * The last stage, one attempt: picks an endpoint whose own breaker is not open, and resolves when the head of its answer
 * was passed on (or thrown away for a retry); the body streams on until `exchange.call` has ended.
 */
export function forwardToService(options: ForwardToServiceOptions): Stage<EgressExchange> {
  return async function forwardToService(exchange) {
    const { service } = destinationOf(exchange);
    exchange.call = undefined;
    const endpoint = service.pick(exchange.tried);
    if (endpoint === undefined) throw noEndpoint(service);
    const attempt = (): Promise<void> => attemptAt(endpoint, exchange, options);
    try {
      await (endpoint.circuit === null ? attempt() : endpoint.circuit.fire(attempt));
    } catch (error) {
      if (!(error instanceof CountedError)) throw error;
    }
  };
}

/** Rejects with a CountedError when the answer stands but counts against the endpoint. */
async function attemptAt(endpoint: Endpoint, exchange: EgressExchange, { deadlines, clock }: ForwardToServiceOptions): Promise<void> {
  const { service } = destinationOf(exchange);
  const { head, body } = exchange;
  const { fields, isTrailersWanted } = toRequestFields(head.fields, body, false);
  appendVia(fields, httpVersion, pseudonym);
  const call = dispatchUpstream(endpoint, {
    head,
    fields,
    body,
    response: exchange.response,
    cancellation: exchange.cancellation,
    deadlineAtMs: exchange.deadlineAtMs,
    bodyBytesMax: exchange.bodyBytesMax,
    bodyIdleMs: exchange.isStreaming ? streamIdleMs : service.config.bodyIdleMs,
    deadlines,
    clock,
    discardStatuses: exchange.discardStatuses,
    isTrailersWanted,
    toResponseFields: (parsed) => toAnswerFields(parsed, exchange),
  });
  exchange.call = call;
  exchange.attempts += 1;
  await call.head;
  if (call.failure !== undefined) {
    if (call.failure.stage !== 'ended' || call.failure.fault.code === 'upstream-timeout') service.report(endpoint, 0, true);
    throw call.failure.fault;
  }
  const isError = isErrorAnswer(call.status);
  service.report(endpoint, call.waitMs, isError);
  const { slowAfterMs } = service.config.breaker;
  if (isError || (slowAfterMs !== null && call.waitMs > slowAfterMs)) throw new CountedError(call);
}

function toAnswerFields(parsed: ParsedFields, exchange: EgressExchange): Fields {
  const fields = toResponseFields(parsed, false);
  appendVia(fields, httpVersion, pseudonym);
  fields.push(reservedFields.egress, toEgressReport(exchange));
  return fields;
}

function noEndpoint(service: UpstreamService): Fault {
  const seconds = Math.max(1, Math.ceil(service.retryAfterMs / 1_000));
  return new Fault('upstream-unavailable', `${service.name}: no usable upstream`, { fields: ['retry-after', String(seconds)] });
}

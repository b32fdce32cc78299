import type { EventPublisher } from '@tidegate/event-publisher';
import { createUlid } from '@tidegate/events';
import type { FaultCode } from '@tidegate/fault';
import { BodyCompletion, type Event, type SecurityEvent } from '@tidegate/grpc';
import type { Refusal } from '@tidegate/proxy';
import type { Clock } from '@tidegate/units';
import { clientPrefix, limitedAddress } from './client-prefix.js';
import type { IngressExchange } from './ingress-exchange.js';
import { emptyRequestEvent, toRequestEvent, type ExchangeEnd } from './request-event.js';

export interface IngressEventsOptions {
  readonly publisher: Pick<EventPublisher, 'publish'>;
  readonly instance: string;
  /** For events of heads that no snapshot saw. */
  readonly configVersion: () => string;
  readonly clock: Clock;
}

/** What the ingress tells the analytics: one event per request, and security events. */
export interface IngressEvents {
  /** With `durability: disk` resolves when the event is on disk. */
  requestEnded(exchange: IngressExchange, end: ExchangeEnd): void | Promise<void>;
  /** A head was refused before any stage (gateway/H1). */
  headRefused(refusal: Refusal): void;
}

/** Faults that are a security event besides. */
const securityFaults: ReadonlySet<FaultCode> = new Set(['invalid-token', 'invalid-credentials-combination']);

/** Makes the events and hands them to the publisher. */
export function createIngressEvents({ publisher, instance, configVersion, clock }: IngressEventsOptions): IngressEvents {
  const nextId = createUlid({ clock });
  const toEvent = (atMs: number, version: string, kind: Event['kind']): Event => ({
    id: nextId(),
    atUs: Math.round(atMs * 1_000),
    app: 'ingress-gateway',
    instance,
    configVersion: version,
    kind,
  });
  return {
    requestEnded(exchange, end) {
      const version = exchange.snapshot?.configVersion ?? configVersion();
      if (exchange.fault !== undefined && securityFaults.has(exchange.fault.code)) {
        void publisher.publish(toEvent(exchange.arrivedAtMs, version, { $case: 'security', value: toBadCredential(exchange) }), exchange.principalKey);
      }
      const kind = { $case: 'request', value: toRequestEvent(exchange, end) } as const;
      return publisher.publish(toEvent(exchange.arrivedAtMs, version, kind), exchange.principalKey);
    },
    headRefused(refusal) {
      const principal = `address:${limitedAddress(refusal.peer.address)}`;
      const atMs = clock.nowMs();
      void publisher.publish(toEvent(atMs, configVersion(), { $case: 'security', value: toRefusedFraming(refusal) }), principal);
      if (!refusal.hadRequestLine) return;
      const durationUs = Math.max(0, Math.round((atMs - refusal.startedAtMs) * 1_000));
      const value = { ...toRefusedRequest(refusal, principal), durationUs };
      void publisher.publish(toEvent(refusal.startedAtMs, configVersion(), { $case: 'request', value }), principal);
    },
  };
}

function toBadCredential({ fault, clientAddress, requestId, route }: IngressExchange): SecurityEvent {
  const detail = fault?.message ?? '';
  return { what: 'bad-credential', clientAddress, requestId, detail, route: route?.name ?? '-', faultCode: fault?.code ?? '' };
}

function toRefusedFraming({ fault, peer, requestId }: Refusal): SecurityEvent {
  return { what: 'refused-framing', clientAddress: peer.address, requestId, detail: fault.message, route: '-', faultCode: fault.code };
}

function toRefusedRequest({ fault, peer, requestId, method, bytes }: Refusal, principal: string) {
  return {
    ...emptyRequestEvent,
    requestId,
    method,
    status: fault.status,
    faultCode: fault.code,
    principal,
    clientAddress: peer.address,
    clientPrefix: clientPrefix(peer.address),
    requestBytes: bytes,
    completion: BodyCompletion.COMPLETE,
  };
}

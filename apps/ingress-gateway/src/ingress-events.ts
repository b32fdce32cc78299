import type { EventPublisher } from '@tidegate/event-publisher';
import { createEventMaker } from '@tidegate/events';
import type { FaultCode } from '@tidegate/fault';
import { BodyCompletion, type SecurityEvent } from '@tidegate/grpc';
import type { Refusal } from '@tidegate/proxy';
import type { Clock } from '@tidegate/units';
import { clientPrefix } from './client-prefix.js';
import type { IngressExchange } from './ingress-exchange.js';
import { toAddressKey } from './principal-key.js';
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
  const toEvent = createEventMaker({ app: 'ingress-gateway', instance, clock });
  return {
    requestEnded(exchange, end) {
      const version = exchange.snapshot?.configVersion ?? configVersion();
      if (exchange.fault !== undefined && securityFaults.has(exchange.fault.code)) {
        void publisher.publish(toEvent({ $case: 'security', value: toBadCredential(exchange) }, version, exchange.arrivedAtMs), exchange.principalKey);
      }
      const kind = { $case: 'request', value: toRequestEvent(exchange, end) } as const;
      return publisher.publish(toEvent(kind, version, exchange.arrivedAtMs), exchange.principalKey);
    },
    headRefused(refusal) {
      const principal = toAddressKey(refusal.peer.address);
      const atMs = clock.nowMs();
      void publisher.publish(toEvent({ $case: 'security', value: toRefusedFraming(refusal) }, configVersion(), atMs), principal);
      if (!refusal.hadRequestLine) return;
      const durationUs = Math.max(0, Math.round((atMs - refusal.startedAtMs) * 1_000));
      const value = { ...toRefusedRequest(refusal, principal), durationUs };
      void publisher.publish(toEvent({ $case: 'request', value }, configVersion(), refusal.startedAtMs), principal);
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

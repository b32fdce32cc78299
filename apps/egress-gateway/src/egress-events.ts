import type { EventPublisher } from '@tidegate/event-publisher';
import { createEventMaker } from '@tidegate/events';
import type { Event } from '@tidegate/grpc';
import type { CircuitChange } from '@tidegate/proxy';
import type { Clock } from '@tidegate/units';
import type { EgressExchange } from './egress-exchange.js';

export interface EgressEventsOptions {
  readonly publisher: Pick<EventPublisher, 'publish'>;
  readonly instance: string;
  readonly configVersion: () => string;
  readonly clock: Clock;
}

/** What egress tells the analytics: breaker changes and refused callers; requests are ingress's to tell. */
export interface EgressEvents {
  breakerChanged(service: string, upstream: string, change: CircuitChange): void;
  callerRefused(exchange: EgressExchange): void;
}

/** Makes the events and hands them to the publisher; nobody waits for them. */
export function createEgressEvents({ publisher, instance, configVersion, clock }: EgressEventsOptions): EgressEvents {
  const toEvent = createEventMaker({ app: 'egress-gateway', instance, clock });
  const publish = (kind: NonNullable<Event['kind']>, principal: string): void => {
    void publisher.publish(toEvent(kind, configVersion()), principal);
  };
  return {
    breakerChanged: (service, upstream, { from, to, cause }) =>
      publish({ $case: 'breakerChange', value: { service, upstream, from, to, cause } }, `service:${service}`),
    callerRefused: ({ peer, requestId }) => {
      const detail = 'a call to the egress gateway without a valid internal token';
      const faultCode = 'caller-not-allowed';
      const value = { what: faultCode, clientAddress: peer.address, requestId, detail, route: '-', faultCode };
      publish({ $case: 'security', value }, `address:${peer.address}`);
    },
  };
}

import type { Registry } from '@tidegate/observability';
import type { Clock } from '@tidegate/units';
import { createEventPublisher, type EventPublisher } from './event-publisher.js';
import type { EventsConfig } from './events-schema.js';
import { createKafkaTransport } from './kafka/kafka-transport.js';
import type { PublisherLogger } from './publisher-logger.js';

export interface ProcessPublisherOptions {
  readonly events: EventsConfig;
  /** App and replica, e.g. "ingress-1": the next start of the same replica finds its spool by it. */
  readonly instance: string;
  readonly clock: Clock;
  readonly logger: PublisherLogger;
  readonly registry?: Registry;
}

/**
 * The publisher of an app that runs in a process of its own: its events can only reach the analytics over Kafka.
 * @throws Error with what to change when the configuration says `in-process`
 */
export function openProcessPublisher({ events, ...rest }: ProcessPublisherOptions): EventPublisher {
  const { transport } = events;
  if (transport.kind !== 'kafka') {
    throw new Error('events.transport is in-process, which reaches no other process: configure events.transport.kafka, or start everything in one process with `tidegate up`');
  }
  return createEventPublisher({ ...rest, config: events, transport: createKafkaTransport(transport) });
}

import { byteSize } from '@tidegate/units';
import { z } from 'zod';

/** Where events go when the broker is asked: Kafka. */
export interface KafkaConfig {
  readonly kind: 'kafka';
  /** host:port of the brokers asked first. */
  readonly brokers: readonly string[];
  readonly topic: string;
  /** Partitions events are spread over; a topic that has fewer is grown. */
  readonly partitions: number;
  readonly clientId: string;
  readonly ssl: boolean | TlsFiles;
  readonly sasl?: SaslConfig;
}

/** TLS towards the brokers: certificate files in PEM. */
export interface TlsFiles {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

export interface SaslConfig {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

/** The `events` part of tidegate.yaml. */
export interface EventsConfig {
  readonly transport: { readonly kind: 'in-process' } | KafkaConfig;
  /** memory: kill -9 may lose 20 ms of events; disk: an event is on disk before its request's answer ends (analytics/N1). */
  readonly durability: 'memory' | 'disk';
  readonly spool: SpoolConfig;
}

export interface SpoolConfig {
  readonly directory: string;
  /** Bound of all segments of one process together; past it the oldest events are dropped and counted. */
  readonly maxBytes: number;
}

const defaultTopic = 'tidegate.events';

const tlsFiles = z.strictObject({
  caFile: z.string().min(1).optional(),
  certFile: z.string().min(1).optional(),
  keyFile: z.string().min(1).optional(),
});

const sasl = z.strictObject({
  mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
  username: z.string().min(1),
  password: z.string().min(1),
});

const broker = z.string().regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):\d{1,5}$/, 'expected host:port, such as kafka:9092');

const kafka = z.strictObject({
  brokers: z.array(broker).min(1).max(64),
  topic: z.string().regex(/^[A-Za-z0-9._-]{1,200}$/, 'expected a Kafka topic name: A-Z a-z 0-9 . _ -').default(defaultTopic),
  partitions: z.int().min(1).max(512).default(6),
  clientId: z.string().min(1).max(200).default('tidegate'),
  ssl: z.union([z.boolean(), tlsFiles]).default(false),
  sasl: sasl.optional(),
});

const transport = z
  .union([z.literal('in-process'), z.strictObject({ kafka })], { error: 'expected in-process, or kafka: { brokers: [...] }' })
  .transform((value): EventsConfig['transport'] => {
    if (value === 'in-process') return { kind: 'in-process' };
    const { sasl, ...rest } = value.kafka;
    return { kind: 'kafka', ...rest, ...(sasl === undefined ? {} : { sasl }) };
  });

const spool = z.strictObject({
  directory: z.string().min(1).default('.tidegate/spool'),
  maxBytes: byteSize(4 * 1024 ** 2, 1024 ** 4).default(256 * 1024 ** 2),
});

/** Schema of the `events` part: how events travel, how safe they are, and where they wait. */
export const eventsSchema = z.strictObject({
  transport: transport.default({ kind: 'in-process' }),
  durability: z.enum(['memory', 'disk']).default('memory'),
  spool: spool.default({ directory: '.tidegate/spool', maxBytes: 256 * 1024 ** 2 }),
}) satisfies z.ZodType<EventsConfig>;

import kafkajs, { type Kafka, type Message, type Producer } from 'kafkajs';
import type { KafkaConfig } from '../events-schema.js';
import { BatchRefusedError, type EventTransport, type OutgoingBatch } from '../transport.js';
import { createKafkaClient, type KafkaTimeouts } from './create-kafka-client.js';
import { ensureTopic } from './ensure-topic.js';

/** Broker errors that say what is wrong with the batch itself, so that sending it again cannot help. */
const refusals = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'CORRUPT_MESSAGE']);

/**
 * Sends batches as Kafka records: acks of all replicas, never kafkajs' idempotent mode (analytics/N3). Connects at the first
 * send, makes the topic if it is not there, and starts over with a new client after a failure that is no broker's answer.
 */
export function createKafkaTransport(config: KafkaConfig, timeouts: KafkaTimeouts = {}): EventTransport {
  const connection = new KafkaConnection(config, timeouts);
  const timeout = timeouts.requestMs ?? 10_000;
  return {
    name: 'kafka',
    partitions: config.partitions,
    takesBytes: true,
    spillAfterMs: 100,
    send: async (batches) => {
      const producer = await connection.open();
      try {
        await producer.send({ topic: config.topic, acks: -1, timeout, messages: batches.map((batch) => toMessage(batch)) });
      } catch (err) {
        const cause = rootOf(err);
        if (!(cause instanceof kafkajs.KafkaJSProtocolError)) connection.abandon(producer);
        else if (refusals.has(cause.type)) throw new BatchRefusedError(`${cause.type}: ${cause.message}`, { cause });
        throw cause;
      }
    },
    close: () => connection.close(),
  };
}

function toMessage({ bytes, partition }: OutgoingBatch): Message {
  if (bytes === undefined) throw new TypeError('a batch for Kafka must be encoded');
  return { partition, value: bytes as Buffer };
}

/** The error a kafkajs retrier wrapped. */
function rootOf(err: unknown): unknown {
  let cause = err;
  while (cause instanceof Error && cause.name === 'KafkaJSNumberOfRetriesExceeded' && cause.cause !== undefined) cause = cause.cause;
  return cause;
}

/** One connected producer, shared by all sends; connecting is shared too. */
class KafkaConnection {
  readonly #kafka: Kafka;
  readonly #config: KafkaConfig;
  #opening: Promise<Producer> | undefined;
  #current: Producer | undefined;

  constructor(config: KafkaConfig, timeouts: KafkaTimeouts) {
    this.#config = config;
    this.#kafka = createKafkaClient(config, timeouts);
  }

  async open(): Promise<Producer> {
    if (this.#current !== undefined) return this.#current;
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** Lets go of a producer whose connection is in an unknown state. */
  abandon(producer: Producer): void {
    if (this.#current === producer) this.#current = undefined;
    void producer.disconnect().catch(() => undefined);
  }

  async close(): Promise<void> {
    const producer = this.#current;
    this.#current = undefined;
    await producer?.disconnect().catch(() => undefined);
  }

  async #connect(): Promise<Producer> {
    await ensureTopic(this.#kafka, { topic: this.#config.topic, partitions: this.#config.partitions });
    const producer = this.#kafka.producer({ idempotent: false, allowAutoTopicCreation: false, retry: { retries: 0 } });
    try {
      await producer.connect();
    } catch (err) {
      void producer.disconnect().catch(() => undefined);
      throw err;
    }
    this.#current = producer;
    return producer;
  }
}

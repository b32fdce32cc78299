import kafkajs, { type Kafka, type Message, type Producer } from 'kafkajs';
import type { KafkaConfig } from '../events-schema.js';
import { BatchRefusedError, type EventTransport, type OutgoingBatch } from '../transport.js';
import { createKafkaClient, type KafkaTimeouts } from './create-kafka-client.js';
import { ensureTopic } from './ensure-topic.js';

/** Broker errors that say what is wrong with the batch itself, so that sending it again cannot help. */
const refusals = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'CORRUPT_MESSAGE']);
/** Somebody deleted the topic: connecting again makes it. */
const topicIsGone = 'UNKNOWN_TOPIC_OR_PARTITION';
/** Connecting, metadata and the request itself each have their own time limit. */
const patience = 5;

/**
 * Sends batches as Kafka records: acks of all replicas, never kafkajs' idempotent mode (analytics/N3). Connects at the first
 * send, makes the topic if it is not there, and starts over with a new client after a failure that is no broker's answer.
 */
export function createKafkaTransport(config: KafkaConfig, timeouts: KafkaTimeouts = {}): EventTransport {
  const connection = new KafkaConnection(config, timeouts);
  const { requestMs = 10_000 } = timeouts;
  const send = async (batches: readonly OutgoingBatch[]): Promise<void> => {
    const producer = await connection.open();
    try {
      await producer.send({ topic: config.topic, acks: -1, timeout: requestMs, messages: batches.map((batch) => toMessage(batch)) });
    } catch (err) {
      const cause = rootOf(err);
      const type = cause instanceof kafkajs.KafkaJSProtocolError ? cause.type : undefined;
      if (type === undefined || type === topicIsGone) connection.abandon(producer);
      if (type !== undefined && refusals.has(type)) throw new BatchRefusedError(`${type}: ${String(cause)}`, { cause });
      throw cause;
    }
  };
  return {
    name: 'kafka',
    partitions: config.partitions,
    takesBytes: true,
    spillAfterMs: 100,
    send: (batches) => withDeadline(send(batches), patience * requestMs, () => connection.startOver()),
    close: () => connection.close(),
  };
}

/** Rejects when a promise takes longer than all of the client's own time limits together: a client that hangs is replaced. */
async function withDeadline(work: Promise<void>, ms: number, onLate: () => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      onLate();
      reject(new Error(`Kafka's client gave no answer within ${ms} ms`));
    }, ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
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
    this.#opening ??= this.#connect();
    const opening = this.#opening;
    try {
      return await opening;
    } finally {
      if (this.#opening === opening) this.#opening = undefined;
    }
  }

  /** Lets go of a producer whose connection is in an unknown state. */
  abandon(producer: Producer): void {
    if (this.#current === producer) this.#current = undefined;
    void producer.disconnect().catch(() => undefined);
  }

  /** Forgets a client that hangs, connected or connecting. */
  startOver(): void {
    this.#opening = undefined;
    if (this.#current !== undefined) this.abandon(this.#current);
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

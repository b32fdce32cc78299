import { setTimeout as setTimeoutAsync } from 'node:timers/promises';
import { createKafkaClient, ensureTopic, type KafkaConfig } from '@tidegate/event-publisher';
import { decodeBatch, EventDecodeError, topics } from '@tidegate/events';
import type { EventBatch } from '@tidegate/grpc';
import type { Observability } from '@tidegate/observability';
import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import type { BatchConsumer, RecordPosition } from './consume-batch.js';
import type { ConsumeMetrics } from './consume-metrics.js';
import { createDeadRecords, type DeadRecords } from './dead-records.js';

export interface KafkaConsumerOptions {
  readonly kafka: KafkaConfig;
  readonly group: string;
  readonly batches: BatchConsumer;
  readonly metrics: ConsumeMetrics;
  readonly observability: Observability;
}

/** Reads the events' topic into the store until closed. */
export interface KafkaConsumer {
  close(): Promise<void>;
}

const healthCheck = 'analytics-kafka';
const retryMsMin = 250;
const retryMsMax = 5_000;
/** Until the group has a place for a session, every wait of the client together: past it the client hangs. */
const joinMsMax = 30_000;
/** For a client to say goodbye. */
const leaveMsMax = 5_000;

/**
 * Starts reading. Where to read on comes from the store; what the group has committed at the broker only tells others how far
 * we are. A broker that is away is no error: it is tried again until it answers.
 */
export function startKafkaConsumer(options: KafkaConsumerOptions): KafkaConsumer {
  const { logger, health } = options.observability;
  const stopping = Promise.withResolvers<void>();
  const state = { isStopping: false };
  health.set(healthCheck, false, 'not connected');
  const run = async (): Promise<void> => {
    let retryMs = retryMsMin;
    while (!state.isStopping) {
      try {
        await runSession({ ...options, stopping: stopping.promise, onReading: () => (retryMs = retryMsMin) });
      } catch (error) {
        health.set(healthCheck, false, 'Kafka does not answer, or a batch could not be written');
        logger.warn({ err: error, retryMs }, 'analytics: reading stopped; it goes on from the last durable offset');
        await Promise.race([setTimeoutAsync(retryMs), stopping.promise]);
        retryMs = Math.min(retryMsMax, retryMs * 2);
      }
    }
  };
  const done = run();
  return {
    close: async () => {
      state.isStopping = true;
      stopping.resolve();
      await done;
      health.remove(healthCheck);
    },
  };
}

interface SessionOptions extends KafkaConsumerOptions {
  readonly stopping: Promise<void>;
  readonly onReading: () => void;
}

/** One membership of the group, from joining to leaving; rejects when it cannot go on. */
async function runSession(options: SessionOptions): Promise<void> {
  const { kafka: config, group, observability, stopping } = options;
  const kafka = createKafkaClient(config);
  const dead = createDeadRecords(kafka, topics.dead);
  const consumer = kafka.consumer({
    groupId: group,
    sessionTimeout: 6_000,
    heartbeatInterval: 1_000,
    rebalanceTimeout: 10_000,
    maxWaitTimeInMs: 100,
    maxBytesPerPartition: 2 * 1024 ** 2,
    allowAutoTopicCreation: false,
    retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: () => Promise.resolve(false) },
  });
  const crashed = Promise.withResolvers<void>();
  const late = setTimeout(() => crashed.reject(new Error(`Kafka gave no place in the group within ${joinMsMax} ms`)), joinMsMax);
  const state = { isOver: false };
  consumer.on(consumer.events.CRASH, ({ payload }) => crashed.reject(payload.error));
  const reader = new PartitionReader({ ...options, dead, consumer });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    reader.onAssigned(payload.memberAssignment[config.topic] ?? []);
    clearTimeout(late);
    if (state.isOver) return;
    options.onReading();
    observability.health.set(healthCheck, true);
  });
  const steps = [
    () => ensureTopic(kafka, { topic: config.topic, partitions: config.partitions }),
    () => reader.findStarts(kafka),
    () => consumer.connect(),
    () => consumer.subscribe({ topic: config.topic, fromBeginning: true }),
    () =>
      consumer.run({
        autoCommitInterval: 5_000,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 16,
        eachBatch: (payload) => reader.read(payload),
      }),
  ];
  const open = async (): Promise<void> => {
    // A step that hung and ends when nobody waits for it any more must not bring a dead session back.
    for (const step of steps) if (!state.isOver) await step();
    await crashed.promise;
  };
  try {
    await Promise.race([open(), crashed.promise, stopping]);
  } finally {
    state.isOver = true;
    clearTimeout(late);
    await Promise.race([Promise.allSettled([consumer.disconnect(), dead.close()]), setTimeoutAsync(leaveMsMax, undefined, { ref: false })]);
  }
}

interface ReaderOptions extends KafkaConsumerOptions {
  readonly dead: DeadRecords;
  readonly consumer: Consumer;
}

/** Reads the partitions of one membership in order, from where the store says. */
class PartitionReader {
  readonly #options: ReaderOptions;
  readonly #topic: string;
  /** First offset to read, where the broker has a say: the start of what it still holds. */
  readonly #lows = new Map<number, number>();
  readonly #positioned = new Set<number>();

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#topic = options.kafka.topic;
  }

  /** Compares what the broker holds with what the store has; a topic made anew is read from its start. */
  async findStarts(kafka: Kafka): Promise<void> {
    const { batches, observability } = this.#options;
    const admin = kafka.admin({ retry: { retries: 2 } });
    try {
      await admin.connect();
      for (const { partition, low, high } of await admin.fetchTopicOffsets(this.#topic)) {
        this.#lows.set(partition, Number(low));
        const last = batches.lastOffset(this.#topic, partition);
        if (last === undefined || last < Number(high)) continue;
        observability.logger.warn({ partition, stored: last, end: high }, 'analytics: the topic ends before the stored offset, so it was made anew; read from its start');
        batches.forgetOffset(this.#topic, partition);
      }
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }

  /** Moves every partition to its place before anything of it is read. */
  onAssigned(partitions: readonly number[]): void {
    this.#positioned.clear();
    for (const partition of partitions) this.#seek(partition);
  }

  async read(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const { partition, messages } = batch;
    const first = messages[0];
    if (payload.isStale() || first === undefined) return;
    // A fetch that left before the seek brings records from the committed offset: one ahead of ours would lose what lies between.
    if (!this.#positioned.has(partition) && Number(first.offset) > this.#startOf(partition)) return this.#seek(partition);
    this.#positioned.add(partition);
    await this.#takeAll(partition, messages);
    await payload.heartbeat();
    payload.resolveOffset(messages.at(-1)?.offset ?? first.offset);
    this.#options.metrics.lag.set({ partition: String(partition) }, Number(batch.highWatermark) - Number(batch.lastOffset()) - 1);
  }

  /** Hands over the records in order and waits until all are durable, a group of them in one transaction. */
  async #takeAll(partition: number, messages: readonly KafkaMessage[]): Promise<void> {
    const open = new Set<Promise<void>>();
    for (const message of messages) {
      const record = { topic: this.#topic, partition, offset: Number(message.offset) };
      const batch = decode(message);
      if (batch instanceof EventDecodeError) await this.#setAside(record, message, batch);
      open.add(batch instanceof EventDecodeError ? this.#options.batches.skip(record) : this.#options.batches.accept(batch, partition, record));
    }
    await Promise.all(open);
  }

  #startOf(partition: number): number {
    const last = this.#options.batches.lastOffset(this.#topic, partition);
    return Math.max(this.#lows.get(partition) ?? 0, last === undefined ? 0 : last + 1);
  }

  #seek(partition: number): void {
    this.#options.consumer.seek({ topic: this.#topic, partition, offset: String(this.#startOf(partition)) });
  }

  async #setAside(record: RecordPosition, { value }: KafkaMessage, error: EventDecodeError): Promise<void> {
    const { dead, metrics, observability } = this.#options;
    await dead.setAside(record, { value, reason: error.message });
    metrics.deadRecords.inc();
    observability.logger.error({ err: error, ...record }, 'analytics: a record was set aside');
  }
}

function decode({ value }: KafkaMessage): EventBatch | EventDecodeError {
  try {
    return decodeBatch(value ?? new Uint8Array(0));
  } catch (error) {
    if (error instanceof EventDecodeError) return error;
    throw error;
  }
}

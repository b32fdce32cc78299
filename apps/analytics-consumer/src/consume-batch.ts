import { setImmediate as setImmediateAsync, setTimeout as setTimeoutAsync } from 'node:timers/promises';
import type { Event, EventBatch } from '@tidegate/grpc';
import type { Clock } from '@tidegate/units';
import type { OtherRow } from './append-rows.js';
import type { ConsumeMetrics } from './consume-metrics.js';
import type { RequestRow } from './request-columns.js';
import type { Flush, Marks, PositionMark, SequenceMark, Sink } from './sink.js';

/** Where a batch was read, when it came through Kafka. */
export interface RecordPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** Takes batches, writes them in groups, each batch once. */
export interface BatchConsumer {
  /**
   * Takes a batch of one partition; resolves when its rows, its sequence and its record's offset are durable. What is at or
   * below a known offset or sequence is skipped (analytics/N4). When a write fails, every open call rejects and nothing of
   * them is kept: repeat them in order.
   */
  accept(batch: EventBatch, partition: number, record?: RecordPosition): Promise<void>;
  /** Notes that a record needs no row (it was set aside); resolves when durable. */
  skip(record: RecordPosition): Promise<void>;
  /** Offset of the last record that was taken, undefined before the first. */
  lastOffset(topic: string, partition: number): number | undefined;
  /** Forgets the offset of a partition that was made anew. Sequences still hold. */
  forgetOffset(topic: string, partition: number): void;
  /** Writes what is open. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface BatchConsumerOptions {
  readonly sink: Sink;
  readonly clock: Clock;
  readonly metrics: ConsumeMetrics;
  /** Longest time a batch waits for others to share its transaction. */
  readonly flushMs?: number;
  /** Rows that make a transaction of their own. */
  readonly flushRows?: number;
}

/** Events further ahead of our clock than this get the time of their arrival. */
const aheadMsMax = 10 * 60_000;

/** Pause between two attempts to read the marks of a store that failed. */
const retryMs = 500;

/** What the next transaction writes, and the promise its callers hold. */
interface Group {
  readonly requests: RequestRow[];
  readonly others: OtherRow[];
  readonly sequences: Map<string, SequenceMark>;
  readonly positions: Map<string, PositionMark>;
  readonly done: PromiseWithResolvers<void>;
  isEmpty: boolean;
}

/** Starts a consumer on what the sink holds. */
export async function createBatchConsumer(options: BatchConsumerOptions): Promise<BatchConsumer> {
  const consumer = new GroupingConsumer(options);
  await consumer.start();
  return consumer;
}

class GroupingConsumer implements BatchConsumer {
  readonly #sink: Sink;
  readonly #clock: Clock;
  readonly #metrics: ConsumeMetrics;
  readonly #flushMs: number;
  readonly #flushRows: number;
  #sequences = new Map<string, number>();
  #offsets = new Map<string, number>();
  #open = createGroup();
  #writing: Group | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor({ sink, clock, metrics, flushMs = 300, flushRows = 20_000 }: BatchConsumerOptions) {
    this.#sink = sink;
    this.#clock = clock;
    this.#metrics = metrics;
    this.#flushMs = flushMs;
    this.#flushRows = flushRows;
  }

  async start(): Promise<void> {
    this.#setMarks(await this.#sink.load());
  }

  #setMarks({ sequences, positions }: Marks): void {
    this.#sequences = new Map(sequences.map((mark) => [keyOf(mark.producer, mark.partition), mark.sequence]));
    this.#offsets = new Map(positions.map((mark) => [keyOf(mark.topic, mark.partition), mark.offset]));
  }

  accept(batch: EventBatch, partition: number, record?: RecordPosition): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Error('the analytics consumer is closed'));
    if (record !== undefined && record.offset <= (this.lastOffset(record.topic, record.partition) ?? -1)) return this.#skipped('offset');
    if (record !== undefined) this.#markOffset(record);
    const key = keyOf(batch.producerId, partition);
    const last = this.#sequences.get(key);
    if (last !== undefined && batch.sequence <= last) return this.#skipped('sequence');
    if (last !== undefined && batch.sequence > last + 1) this.#metrics.sequenceGaps.inc(batch.sequence - last - 1);
    this.#sequences.set(key, batch.sequence);
    this.#open.sequences.set(key, { producer: batch.producerId, partition, sequence: batch.sequence });
    const nowMs = this.#clock.nowMs();
    for (const event of batch.events) this.#take(event, nowMs);
    const [first] = batch.events;
    if (first !== undefined) this.#metrics.lateness.observe(Math.max(0, nowMs - first.atUs / 1_000) / 1_000);
    return this.#scheduled();
  }

  skip(record: RecordPosition): Promise<void> {
    if (record.offset <= (this.lastOffset(record.topic, record.partition) ?? -1)) return this.#skipped('offset');
    this.#markOffset(record);
    return this.#scheduled();
  }

  lastOffset(topic: string, partition: number): number | undefined {
    return this.#offsets.get(keyOf(topic, partition));
  }

  forgetOffset(topic: string, partition: number): void {
    this.#offsets.delete(keyOf(topic, partition));
  }

  async flush(): Promise<void> {
    while (!this.#open.isEmpty || this.#writing !== undefined) {
      if (this.#writing === undefined) this.#write();
      await this.#writing?.done.promise.catch(() => undefined);
      // The group's end is seen by its callers first.
      await setImmediateAsync();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
  }

  #markOffset({ topic, partition, offset }: RecordPosition): void {
    const key = keyOf(topic, partition);
    this.#offsets.set(key, offset);
    this.#open.positions.set(key, { topic, partition, offset });
  }

  #take(event: Event, nowMs: number): void {
    const { kind } = event;
    if (kind === undefined) {
      this.#metrics.unknownKinds.inc();
      return;
    }
    const atUs = this.#timeOf(event, nowMs);
    if (kind.$case === 'request') {
      this.#open.requests.push({ event, request: kind.value, atUs, shape: this.#sink.shapeOf(event, kind.value) });
    } else {
      this.#open.others.push({ event, atUs });
    }
  }

  /** The event's own time, however late; an impossible one is replaced by ours. */
  #timeOf({ atUs }: Event, nowMs: number): number {
    if (atUs > 0 && atUs / 1_000 <= nowMs + aheadMsMax) return atUs;
    this.#metrics.clamped.inc();
    return nowMs * 1_000;
  }

  /** A skipped batch is durable when its first copy is, which may still be on its way. */
  #skipped(why: 'offset' | 'sequence'): Promise<void> {
    this.#metrics.skippedBatches.inc({ why });
    if (!this.#open.isEmpty) return this.#scheduled();
    return this.#writing?.done.promise ?? Promise.resolve();
  }

  #scheduled(): Promise<void> {
    const group = this.#open;
    group.isEmpty = false;
    if (this.#writing === undefined && group.requests.length + group.others.length >= this.#flushRows) this.#write();
    else this.#timer ??= setTimeout(() => this.#onTimer(), this.#flushMs);
    return group.done.promise;
  }

  #onTimer(): void {
    this.#timer = undefined;
    // While one transaction is written the next one fills; it starts as soon as the first has ended.
    if (this.#writing === undefined && !this.#open.isEmpty) this.#write();
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const group = this.#open;
    this.#open = createGroup();
    this.#writing = group;
    void this.#writeGroup(group).finally(() => {
      this.#writing = undefined;
      if (!this.#open.isEmpty && this.#timer === undefined) this.#write();
    });
  }

  /** Never rejects: the outcome goes to the callers. */
  async #writeGroup(group: Group): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    try {
      await this.#sink.write(toFlush(group, this.#clock.nowMs()));
    } catch (error) {
      await this.#onFailed(group, error);
      return;
    }
    this.#metrics.onWritten(group.requests.length, group.others.length, (this.#clock.monotonicMs() - startMs) / 1_000);
    group.done.resolve();
  }

  async #onFailed(group: Group, error: unknown): Promise<void> {
    this.#metrics.onFailed(error);
    const marks = await this.#loadAgain();
    // What came after the failed group is rejected with it, in one step: taken alone, it would make the repeated group look old.
    const follower = this.#open;
    this.#open = createGroup();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (marks !== undefined) this.#setMarks(marks);
    group.done.reject(error);
    if (!follower.isEmpty) follower.done.reject(error);
  }

  /** The marks of the store, once it answers again; undefined when the consumer was closed before that. */
  async #loadAgain(): Promise<Marks | undefined> {
    for (;;) {
      try {
        return await this.#sink.load();
      } catch (error) {
        this.#metrics.onFailed(error);
        if (this.#isClosed) return undefined;
        await setTimeoutAsync(retryMs);
      }
    }
  }
}

function createGroup(): Group {
  const done = Promise.withResolvers<void>();
  // Its callers hold it too; one that has gone must not bring the process down.
  done.promise.catch(() => undefined);
  return { requests: [], others: [], sequences: new Map(), positions: new Map(), done, isEmpty: true };
}

const toFlush = ({ requests, others, sequences, positions }: Group, atMs: number): Flush => ({
  requests,
  others,
  sequences: [...sequences.values()],
  positions: [...positions.values()],
  atMs,
});

const keyOf = (owner: string, partition: number): string => `${partition}/${owner}`;

import type { Event } from '@tidegate/grpc';
import type { Clock } from '@tidegate/units';
import type { BatchKeeper } from './batch-keeper.js';
import { PartitionLane, type QueuedBatch } from './partition-lane.js';
import type { PublisherLogger } from './publisher-logger.js';
import { ReachReport } from './reach-report.js';
import type { Segment } from './spool/segment.js';
import type { RecoveredRecord } from './spool/spool.js';
import { BatchRefusedError, type EventTransport } from './transport.js';

export interface OutboxOptions {
  readonly transport: EventTransport;
  readonly keeper: BatchKeeper;
  /** Batches are made at every flush, also for partitions that have a request under way. */
  readonly isDurable: boolean;
  readonly clock: Clock;
  readonly logger: PublisherLogger;
  /** Requests have ended; lanes may have become idle. */
  readonly onProgress: () => void;
}

/** Events that wait in memory for busy partitions; past it they spill to disk. */
const pendingEventsMax = 65_536;
const backoffMs = { first: 100, max: 5_000 };

/**
 * Sends every event from its flush to its acknowledgement: a lane for each partition, one request under way in each, and
 * after a failure the same batches again before anything else of the partition (analytics/N3).
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #lanes: PartitionLane[] = [];
  readonly #reach: ReachReport;
  #pendingEvents = 0;
  #isSending = false;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#reach = new ReachReport({ transport: options.transport.name, clock: options.clock, logger: options.logger });
    this.#lane(options.transport.partitions - 1);
  }

  /** Everything taken so far is acknowledged. */
  get isEmpty(): boolean {
    return this.#lanes.every((lane) => lane.isEmpty);
  }

  /** The other side is away: nothing is under way, and what waits has failed before. */
  get isStuck(): boolean {
    return this.#reach.isAway && this.#lanes.every((lane) => lane.isEmpty || (lane.inFlight === 0 && lane.failures > 0));
  }

  /** Events that no flush could make a batch of, because their partition is busy. */
  get pendingEvents(): number {
    return this.#pendingEvents;
  }

  /** Appends an event to its partition; it leaves with the next flush. */
  take(event: Event, partition: number): void {
    this.#lane(partition).pending.push(event);
    this.#pendingEvents += 1;
  }

  /** Lets lanes send from now on; what the last process left goes before everything else. */
  start(recovered: readonly RecoveredRecord[]): void {
    for (const [partition, batches] of toBatches(recovered)) {
      this.#lane(partition).prepend(batches);
      this.#lane(partition).isSpilling = true;
    }
    this.#isSending = true;
    this.flush();
  }

  /** Takes what another process left; it goes behind what waits here. */
  adopt(recovered: readonly RecoveredRecord[]): void {
    for (const [partition, batches] of toBatches(recovered)) {
      for (const batch of batches) this.#lane(partition).push(batch);
      this.#lane(partition).isSpilling = true;
    }
    this.flush();
  }

  /** Makes batches of what is pending and sends what may be sent. */
  flush(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const lane of this.#lanes) if (lane.pending.length > 0) this.#flushLane(lane, nowMs);
    this.#pump(nowMs);
  }

  /** Tries what has failed again, at once. */
  retryNow(): void {
    for (const lane of this.#lanes) lane.retryAtMs = 0;
    this.#pump(this.#options.clock.monotonicMs());
  }

  /** Stops sending, and puts everything that is not acknowledged into the spool. */
  stop(): void {
    this.#isSending = false;
    clearTimeout(this.#retryTimer);
    for (const lane of this.#lanes) {
      if (lane.isEmpty) continue;
      this.#options.keeper.spill(lane);
      this.#cut(lane);
    }
  }

  /** The spool gave up its oldest segment. */
  giveUp(segment: Segment): void {
    for (const lane of this.#lanes) this.#options.keeper.drop(lane.giveUp(segment));
  }

  #lane(partition: number): PartitionLane {
    for (let at = this.#lanes.length; at <= partition; at += 1) this.#lanes.push(new PartitionLane(at));
    return this.#lanes[partition] as PartitionLane;
  }

  #flushLane(lane: PartitionLane, nowMs: number): void {
    const isFree = this.#isSending && lane.length === 0;
    if (isFree || lane.isSpilling || this.#options.isDurable) {
      this.#cut(lane);
      return;
    }
    const isLate = lane.inFlight > 0 && nowMs - lane.sentAtMs > this.#options.transport.spillAfterMs;
    if (isLate || this.#pendingEvents > pendingEventsMax) {
      this.#options.keeper.spill(lane);
      this.#cut(lane);
    } else lane.isDue = true;
  }

  #cut(lane: PartitionLane): void {
    this.#pendingEvents -= lane.pending.length;
    lane.isDue = false;
    this.#options.keeper.cut(lane);
  }

  /** Sends from every lane that may: healthy ones in one request, those that failed each alone. */
  #pump(nowMs: number): void {
    if (!this.#isSending) return;
    const together: PartitionLane[] = [];
    let retryAtMs = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes) {
      if (lane.inFlight > 0 || lane.length === 0) continue;
      if (lane.failures === 0) together.push(lane);
      else if (lane.retryAtMs <= nowMs) void this.#dispatch([lane], nowMs);
      else retryAtMs = Math.min(retryAtMs, lane.retryAtMs);
    }
    if (together.length > 0) void this.#dispatch(together, nowMs);
    if (retryAtMs === Number.POSITIVE_INFINITY) return;
    clearTimeout(this.#retryTimer);
    const delayMs = Math.ceil(retryAtMs - nowMs) + 1;
    this.#retryTimer = setTimeout(() => this.#pump(this.#options.clock.monotonicMs()), delayMs).unref();
  }

  /** Never rejects. */
  async #dispatch(lanes: readonly PartitionLane[], nowMs: number): Promise<void> {
    const { transport, keeper } = this.#options;
    const departing = lanes.flatMap((lane) => lane.depart(lane.failures > 0, nowMs));
    try {
      for (const batch of departing) if (batch.bytes === undefined && batch.live === undefined) await keeper.load(batch);
      const whole = departing.filter((batch) => !batch.isLost);
      if (whole.length > 0) await transport.send(whole);
      this.#succeed(lanes);
    } catch (err) {
      if (err instanceof BatchRefusedError) this.#refuse(lanes, departing, err);
      else this.#fail(lanes, err);
    }
    this.#pump(this.#options.clock.monotonicMs());
    this.#options.onProgress();
  }

  #succeed(lanes: readonly PartitionLane[]): void {
    this.#reach.arrived();
    const nowMs = this.#options.clock.monotonicMs();
    for (const lane of lanes) {
      this.#options.keeper.acknowledge(lane.arrive());
      lane.failures = 0;
      if (lane.length > 0) continue;
      lane.isSpilling = false;
      if (lane.isDue && this.#isSending) this.#flushLane(lane, nowMs);
    }
  }

  #fail(lanes: readonly PartitionLane[], err: unknown): void {
    this.#reach.failed(err);
    const nowMs = this.#options.clock.monotonicMs();
    for (const lane of lanes) {
      lane.inFlight = 0;
      lane.failures += 1;
      lane.retryAtMs = nowMs + jitteredBackoffMs(lane.failures);
      if (lane.isSpilling) this.#options.keeper.drop(lane.extractLost());
      else this.#options.keeper.spill(lane);
    }
  }

  /** A batch that was alone is given up; of several, each is tried alone to find the one. */
  #refuse(lanes: readonly PartitionLane[], departing: readonly QueuedBatch[], err: BatchRefusedError): void {
    for (const lane of lanes) {
      if (departing.length === 1) this.#options.keeper.refuse(lane.arrive());
      lane.inFlight = 0;
      lane.failures = departing.length === 1 ? 0 : Math.max(1, lane.failures);
      lane.retryAtMs = 0;
    }
    if (departing.length === 1) this.#options.logger.error({ err, events: departing[0]?.count }, 'events: a batch was refused and is given up');
  }
}

function toBatches(recovered: readonly RecoveredRecord[]): Map<number, QueuedBatch[]> {
  const found = new Map<number, QueuedBatch[]>();
  for (const { partition, count, place } of recovered) {
    const batches = found.get(partition) ?? [];
    if (batches.length === 0) found.set(partition, batches);
    batches.push({ partition, count, bytes: undefined, live: undefined, place, isLost: false, heldBytes: 0 });
  }
  return found;
}

function jitteredBackoffMs(failures: number): number {
  const longest = Math.min(backoffMs.max, backoffMs.first * 2 ** Math.min(failures - 1, 10));
  return longest * (0.5 + Math.random() / 2);
}

import { BatchEncoder, encodeBatch } from '@tidegate/events';
import type { Event } from '@tidegate/grpc';
import type { PartitionLane, QueuedBatch } from './partition-lane.js';
import type { PublisherCounters } from './publisher-counters.js';
import type { PublisherLogger } from './publisher-logger.js';
import type { Spool } from './spool/spool.js';

export interface BatchKeeperOptions {
  readonly spool: Spool;
  readonly producerId: string;
  readonly counters: PublisherCounters;
  readonly logger: PublisherLogger;
  /** Every batch goes to the spool. */
  readonly isDurable: boolean;
  /** The transport sends bytes; otherwise batches stay objects for as long as no disk is involved. */
  readonly takesBytes: boolean;
}

/** Memory for batches that lie on disk too, and for those the disk cannot take. */
const heldBytesMax = 16 * 1024 ** 2;
const unspooledBytesMax = 64 * 1024 ** 2;
const liveBatchEventsMax = 1024;
/** What an event that was never encoded is accounted with. */
const eventBytesGuess = 512;

type MadeBatch = Pick<QueuedBatch, 'partition' | 'count' | 'bytes' | 'live'>;

/** Makes batches of events and keeps them until they are acknowledged: in memory, on disk, or both. */
export class BatchKeeper {
  readonly #options: BatchKeeperOptions;
  readonly #encoder = new BatchEncoder();
  #heldBytes = 0;

  constructor(options: BatchKeeperOptions) {
    this.#options = options;
  }

  /** Makes batches of the lane's pending events and queues them; on disk too when the lane spills. */
  cut(lane: PartitionLane): void {
    const events = lane.pending;
    lane.pending = [];
    if (this.#options.takesBytes || this.#options.isDurable || lane.isSpilling) this.#cutEncoded(lane, events);
    else for (let at = 0; at < events.length; at += liveBatchEventsMax) this.#cutLive(lane, events.slice(at, at + liveBatchEventsMax));
  }

  /** From here on the lane's batches go through the spool; those that only memory has follow now. */
  spill(lane: PartitionLane): void {
    lane.isSpilling = true;
    for (const batch of lane.batches()) if (batch.place === undefined && !batch.isLost) this.#toSpool(batch);
    this.drop(lane.extractLost());
  }

  /** Gets what the transport needs of a batch into memory. Never rejects: what cannot be read is lost, and says so. */
  async load(batch: QueuedBatch): Promise<void> {
    if (batch.place === undefined) return;
    try {
      batch.bytes = await this.#options.spool.read(batch.place);
      this.#hold(batch);
    } catch (err) {
      batch.isLost = true;
      this.#options.logger.error({ err, events: batch.count }, 'events: a spooled batch cannot be read and is given up');
    }
  }

  /** The batches arrived. */
  acknowledge(batches: readonly QueuedBatch[]): void {
    for (const batch of batches) this.#options.counters[batch.isLost ? 'dropped' : 'sent'] += batch.count;
    this.#release(batches);
  }

  /** The other side will never take the batches. */
  refuse(batches: readonly QueuedBatch[]): void {
    for (const batch of batches) this.#options.counters.refused += batch.count;
    this.#release(batches);
  }

  /** The batches are given up for want of room. */
  drop(batches: readonly QueuedBatch[]): void {
    for (const batch of batches) this.#options.counters.dropped += batch.count;
    this.#release(batches);
  }

  #release(batches: readonly QueuedBatch[]): void {
    for (const batch of batches) {
      this.#heldBytes -= batch.heldBytes;
      if (batch.place !== undefined) this.#options.spool.acknowledge(batch.place, batch.count);
    }
  }

  #cutLive(lane: PartitionLane, events: Event[]): void {
    lane.sequence += 1;
    const live = { producerId: this.#options.producerId, sequence: lane.sequence, events };
    this.#enqueue(lane, { partition: lane.partition, count: events.length, bytes: undefined, live });
  }

  #cutEncoded(lane: PartitionLane, events: readonly Event[]): void {
    this.#encoder.begin(this.#options.producerId, lane.sequence + 1);
    for (const event of events) {
      if (this.#tryAdd(event)) continue;
      this.#finishBatch(lane);
      if (!this.#tryAdd(event)) this.#options.counters.refused += 1;
    }
    this.#finishBatch(lane);
  }

  /** False when the event does not fit, or is none. */
  #tryAdd(event: Event): boolean {
    try {
      return this.#encoder.add(event);
    } catch (err) {
      this.#options.logger.error({ err }, 'events: an event cannot be encoded');
      return false;
    }
  }

  #finishBatch(lane: PartitionLane): void {
    const { count } = this.#encoder;
    if (count === 0) return;
    lane.sequence += 1;
    this.#enqueue(lane, { partition: lane.partition, count, bytes: this.#encoder.finish(), live: undefined });
    this.#encoder.begin(this.#options.producerId, lane.sequence + 1);
  }

  #enqueue(lane: PartitionLane, { partition, count, bytes, live }: MadeBatch): void {
    const batch: QueuedBatch = { partition, count, bytes, live, place: undefined, isLost: false, heldBytes: 0 };
    this.#hold(batch);
    if (lane.isSpilling || this.#options.isDurable) this.#toSpool(batch);
    if (batch.isLost) this.drop([batch]);
    else lane.push(batch);
  }

  /** Appends to the spool. What the disk cannot take now stays in memory while there is room, and is lost past it. */
  #toSpool(batch: QueuedBatch): void {
    const bytes = batch.bytes ?? (batch.live === undefined ? undefined : encodeBatch(batch.live));
    if (bytes === undefined) return;
    batch.place = this.#options.spool.append(bytes, batch.partition, batch.count);
    if (batch.place === undefined) {
      batch.isLost = this.#heldBytes > unspooledBytesMax;
      return;
    }
    this.#options.counters.spooled += batch.count;
    if (this.#heldBytes <= heldBytesMax) return;
    this.#heldBytes -= batch.heldBytes;
    batch.heldBytes = 0;
    batch.bytes = undefined;
    batch.live = undefined;
  }

  #hold(batch: QueuedBatch): void {
    batch.heldBytes = batch.bytes?.length ?? batch.count * eventBytesGuess;
    this.#heldBytes += batch.heldBytes;
  }
}

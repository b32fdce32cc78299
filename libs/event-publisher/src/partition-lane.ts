import type { Event } from '@tidegate/grpc';
import type { Segment } from './spool/segment.js';
import type { SpoolPlace } from './spool/spool.js';
import type { LiveBatch, OutgoingBatch } from './transport.js';

/** A batch between its flush and its acknowledgement. */
export interface QueuedBatch extends OutgoingBatch {
  bytes: Uint8Array | undefined;
  live: LiveBatch | undefined;
  /** Where it lies on disk; undefined while only memory has it. */
  place: SpoolPlace | undefined;
  /** Nobody has it any more: it is not sent, or not again. */
  isLost: boolean;
  /** Bytes of memory it is accounted with. */
  heldBytes: number;
}

/** What one request may carry of one partition: a broker takes 1 MiB at once. */
const requestBytesMax = 960 * 1024;
const requestBatchesMax = 256;

/** Everything of one partition that is not acknowledged: batches in order, the first of them on their way, then events. */
export class PartitionLane {
  readonly partition: number;
  /** Events of no batch yet. */
  pending: Event[] = [];
  /** Last sequence given. */
  sequence = 0;
  /** Batches from the head that are on their way. */
  inFlight = 0;
  /** When they left, monotonic ms. */
  sentAtMs = 0;
  /** Sends that failed since the last that did not. */
  failures = 0;
  /** Not before, monotonic ms. */
  retryAtMs = 0;
  /** New batches go to the spool, behind those that are there. */
  isSpilling = false;
  /** Pending events have waited their time. */
  isDue = false;
  #queue: QueuedBatch[] = [];
  #head = 0;

  constructor(partition: number) {
    this.partition = partition;
  }

  /** Batches not acknowledged. */
  get length(): number {
    return this.#queue.length - this.#head;
  }

  /** Neither batches nor events. */
  get isEmpty(): boolean {
    return this.length === 0 && this.pending.length === 0;
  }

  push(batch: QueuedBatch): void {
    this.#queue.push(batch);
  }

  /** Puts batches of an earlier process before all others. */
  prepend(batches: QueuedBatch[]): void {
    this.#queue = [...batches, ...this.batches()];
    this.#head = 0;
  }

  /** Not acknowledged, in order. */
  batches(): QueuedBatch[] {
    return this.#queue.slice(this.#head);
  }

  /** Marks what the next request carries as on its way: one batch alone, or as many as fit. */
  depart(isAlone: boolean, nowMs: number): QueuedBatch[] {
    const departing: QueuedBatch[] = [];
    const batchesMax = isAlone ? 1 : requestBatchesMax;
    let byteLength = 0;
    for (let at = this.#head; at < this.#queue.length && departing.length < batchesMax; at += 1) {
      const batch = this.#queue[at];
      if (batch === undefined) break;
      byteLength += batch.bytes?.length ?? batch.place?.length ?? 0;
      if (departing.length > 0 && byteLength > requestBytesMax) break;
      departing.push(batch);
    }
    this.inFlight = departing.length;
    this.sentAtMs = nowMs;
    return departing;
  }

  /** Takes the batches that were on their way off the queue. */
  arrive(): QueuedBatch[] {
    const arrived = this.#queue.slice(this.#head, this.#head + this.inFlight);
    this.#head += this.inFlight;
    this.inFlight = 0;
    if (this.#head > 1024 || this.#head === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return arrived;
  }

  /** Takes out and returns the batches that are lost; not those on their way. */
  extractLost(): QueuedBatch[] {
    const first = this.#head + this.inFlight;
    const lost = this.#queue.slice(first).filter((batch) => batch.isLost);
    if (lost.length > 0) this.#queue = this.#queue.filter((batch, at) => at < first || !batch.isLost);
    return lost;
  }

  /** The segment's file is gone: returns the batches lost with it. Those on their way may still arrive. */
  giveUp(segment: Segment): QueuedBatch[] {
    for (let at = this.#head; at < this.#queue.length; at += 1) {
      const batch = this.#queue[at];
      if (batch?.place?.segment !== segment) continue;
      batch.place = undefined;
      batch.isLost = true;
    }
    return this.extractLost();
  }
}

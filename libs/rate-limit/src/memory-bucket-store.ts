import type { Clock } from '@tidegate/units';
import type { BucketStore, TakeResult } from './bucket-store.js';
import { bringUpToDate, expiresAtUs, fillBucket, fullAtUs, type Bucket } from './bucket.js';
import { ExpiryHeap } from './expiry-heap.js';
import type { LimitShape } from './limit-shape.js';
import type { BucketCall, PreparedCheck } from './prepare-check.js';

/** Buckets of one process, decided without a promise. */
export interface MemoryBucketStore extends BucketStore {
  take(batch: readonly PreparedCheck[]): TakeResult[];
  /** One check, decided at once. */
  takeOne(check: PreparedCheck): TakeResult;
  /** Gives an absent bucket a level to start from, in grains of `shape`; a bucket that is there stays as it is. */
  seed(key: string, shape: LimitShape, level: number): void;
  /** Buckets held now. */
  readonly size: number;
}

/** A bucket taken out of the columns for one check. */
interface LoadedBucket extends Bucket {
  /** Row of the columns; -1 if the bucket is absent, which is to say full. */
  slot: number;
  key: string;
  mustStore: boolean;
}

const defaultBucketsMax = 1_000_000;
const firstCapacity = 1_024;

/** Creates the in-memory store: the same algorithm as token-bucket.lua, bit for bit (limiter/B14). */
export function createMemoryBucketStore({ clock, bucketsMax = defaultBucketsMax }: { clock: Clock; bucketsMax?: number }): MemoryBucketStore {
  return new ColumnStore(clock, bucketsMax);
}

/** One row of typed arrays per bucket; rows are found by a Map from key to slot, and freed in order of being full. */
class ColumnStore implements MemoryBucketStore {
  readonly #clock: Clock;
  readonly #bucketsMax: number;
  readonly #slots = new Map<string, number>();
  readonly #keys: string[] = [];
  readonly #shapes: LimitShape[] = [];
  readonly #free: number[] = [];
  /** Buckets of the check being decided, by its calls; a bucket named twice stands there twice. */
  readonly #loaded: LoadedBucket[] = [];
  /** Objects that #loaded is filled with, reused from check to check. */
  readonly #scratch: LoadedBucket[] = [];
  #capacity = 0;
  #levels = new Float64Array(0);
  #stampsUs = new Float64Array(0);
  /** Due times are when a bucket is full at the earliest: charging moves that later, and the heap learns it lazily. */
  readonly #byFullAt = new ExpiryHeap(0);
  #lastNowUs = -1;
  #batchIndex = 0;

  constructor(clock: Clock, bucketsMax: number) {
    this.#clock = clock;
    this.#bucketsMax = bucketsMax;
  }

  get size(): number {
    return this.#slots.size;
  }

  take(batch: readonly PreparedCheck[]): TakeResult[] {
    return batch.map((check) => this.takeOne(check));
  }

  takeOne(check: PreparedCheck): TakeResult {
    const nowUs = Math.round(this.#clock.nowMs() * 1_000);
    this.#batchIndex = nowUs === this.#lastNowUs ? this.#batchIndex + 1 : 0;
    this.#lastNowUs = nowUs;
    this.#forgetExpired(2 * check.calls.length, nowUs);
    if (this.#slots.size + check.calls.length > this.#bucketsMax) this.#dropFull(check.calls.length, nowUs);
    return this.#decide(check, nowUs);
  }

  seed(key: string, shape: LimitShape, level: number): void {
    if (this.#slots.has(key) || this.#slots.size >= this.#bucketsMax || level >= shape.fullGrains) return;
    const stampUs = Math.round(this.#clock.nowMs() * 1_000);
    this.#store({ key, slot: -1, mustStore: true, shape, level, stampUs });
  }

  async close(): Promise<void> {}

  /** Charges each limit that fits and takes everything back if an enforcing one does not. */
  #decide(check: PreparedCheck, nowUs: number): TakeResult {
    const { calls } = check;
    let fits = 0;
    let allowed = !check.isHopeless;
    for (let index = 0; index < calls.length; index += 1) {
      const call = calls[index] as BucketCall;
      const bucket = this.#load(call, index, nowUs);
      const grains = call.cost * call.shape.grainsPerToken;
      if (!call.isHopeless && bucket.level >= grains) {
        fits |= 1 << index;
        bucket.level -= grains;
      } else if (!call.limit.isShadow) allowed = false;
    }
    if (allowed && !this.#hasRoom(calls)) return undefined;
    if (!allowed) this.#takeBack(calls, fits);
    const states = this.#keep(calls, allowed ? fits : 0);
    return { allowed, fits, states, decidedAtUs: nowUs, batchIndex: this.#batchIndex };
  }

  #load(call: BucketCall, index: number, nowUs: number): LoadedBucket {
    const { key, shape } = call;
    for (let earlier = 0; earlier < index; earlier += 1) {
      const named = this.#loaded[earlier] as LoadedBucket;
      if (named.key === key) return (this.#loaded[index] = named);
    }
    const bucket = (this.#scratch[index] ??= { level: 0, stampUs: 0, shape, slot: -1, key, mustStore: false });
    this.#loaded[index] = bucket;
    bucket.key = key;
    bucket.slot = this.#slots.get(key) ?? -1;
    bucket.mustStore = false;
    // A blocked limit leaves its bucket alone: it would never be full again, so it could not have a TTL.
    if (bucket.slot === -1 || shape.rate === 0) {
      fillBucket(bucket, shape, nowUs);
      return bucket;
    }
    bucket.level = this.#levels[bucket.slot] as number;
    bucket.stampUs = this.#stampsUs[bucket.slot] as number;
    bucket.shape = this.#shapes[bucket.slot] as LimitShape;
    bucket.mustStore = bringUpToDate(bucket, shape, nowUs);
    return bucket;
  }

  #takeBack(calls: readonly BucketCall[], fits: number): void {
    for (let index = 0; index < calls.length; index += 1) {
      const { cost, shape } = calls[index] as BucketCall;
      if ((fits & (1 << index)) !== 0) (this.#loaded[index] as LoadedBucket).level += cost * shape.grainsPerToken;
    }
  }

  /** Stores what was charged or has to be normalised, and lists the states. */
  #keep(calls: readonly BucketCall[], charged: number): number[] {
    const states: number[] = [];
    for (let index = 0; index < calls.length; index += 1) {
      const bucket = this.#loaded[index] as LoadedBucket;
      const isCharged = (charged & (1 << index)) !== 0 && (calls[index] as BucketCall).cost > 0;
      if (isCharged || bucket.mustStore) this.#store(bucket);
      states.push(bucket.level, bucket.stampUs);
    }
    return states;
  }

  #hasRoom(calls: readonly BucketCall[]): boolean {
    if (this.#slots.size + calls.length <= this.#bucketsMax) return true;
    let added = 0;
    for (let index = 0; index < calls.length; index += 1) {
      if ((this.#loaded[index] as LoadedBucket).slot === -1 && (calls[index] as BucketCall).cost > 0) added += 1;
    }
    return this.#slots.size + added <= this.#bucketsMax;
  }

  #store(bucket: LoadedBucket): void {
    const isNew = bucket.slot === -1;
    if (isNew) bucket.slot = this.#allocate(bucket.key);
    const { slot } = bucket;
    this.#levels[slot] = bucket.level;
    this.#stampsUs[slot] = bucket.stampUs;
    this.#shapes[slot] = bucket.shape;
    const dueUs = fullAtUs(bucket);
    if (isNew) this.#byFullAt.add(slot, dueUs);
    else if (dueUs < this.#byFullAt.dueUs(slot)) this.#byFullAt.move(slot, dueUs);
  }

  #allocate(key: string): number {
    const slot = this.#free.pop() ?? this.#slots.size;
    if (slot >= this.#capacity) this.#grow();
    this.#slots.set(key, slot);
    this.#keys[slot] = key;
    return slot;
  }

  #grow(): void {
    this.#capacity = Math.max(firstCapacity, this.#capacity * 2);
    const levels = new Float64Array(this.#capacity);
    levels.set(this.#levels);
    this.#levels = levels;
    const stampsUs = new Float64Array(this.#capacity);
    stampsUs.set(this.#stampsUs);
    this.#stampsUs = stampsUs;
    this.#byFullAt.grow(this.#capacity);
  }

  /** Forgets expired buckets, at most `steps` of them: twice what a check can add, so that they never pile up. */
  #forgetExpired(steps: number, nowUs: number): void {
    for (let step = 0; step < steps; step += 1) {
      const slot = this.#byFullAt.first;
      if (slot === -1 || this.#byFullAt.dueUs(slot) >= nowUs) return;
      const bucket = this.#peek(slot);
      if (expiresAtUs(bucket) <= nowUs) this.#forget(slot);
      else if (fullAtUs(bucket) > this.#byFullAt.dueUs(slot)) this.#byFullAt.move(slot, fullAtUs(bucket));
      else return;
    }
  }

  /** Makes room by dropping buckets that are full and so say nothing; never any other. */
  #dropFull(wanted: number, nowUs: number): void {
    while (this.#slots.size + wanted > this.#bucketsMax) {
      const slot = this.#byFullAt.first;
      if (slot === -1 || this.#byFullAt.dueUs(slot) > nowUs) return;
      const dueUs = fullAtUs(this.#peek(slot));
      if (dueUs <= nowUs) this.#forget(slot);
      else this.#byFullAt.move(slot, dueUs);
    }
  }

  #peek(slot: number): Bucket {
    return { level: this.#levels[slot] as number, stampUs: this.#stampsUs[slot] as number, shape: this.#shapes[slot] as LimitShape };
  }

  #forget(slot: number): void {
    this.#byFullAt.remove(slot);
    this.#slots.delete(this.#keys[slot] as string);
    this.#keys[slot] = '';
    this.#free.push(slot);
  }
}

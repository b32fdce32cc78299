import { compareRefill, isSameShape, rescale, waitUsMax, type LimitShape } from './limit-shape.js';

/** State of one limit for one rendered key: `level` grains at `stampUs`, under the limit it was last written with. */
export interface Bucket {
  /** Grains of `shape`. */
  level: number;
  /** Time up to which refill has been counted, in microseconds on the store's clock. */
  stampUs: number;
  shape: LimitShape;
}

/** A clock that went back by no more than this leaves the stamp alone (limiter/B6). */
const clockBackUsMax = 1_000_000;
/** A bucket is forgotten this long after it would be full (limiter/B10). */
const expiryAfterFullUs = 1_000_000;

/** Makes the bucket what an absent one is: full under the current limit. */
export function fillBucket(bucket: Bucket, shape: LimitShape, nowUs: number): void {
  bucket.shape = shape;
  bucket.level = shape.fullGrains;
  bucket.stampUs = nowUs;
}

/**
 * Brings a stored bucket to the current limit and time, in the order that the script follows too: expiry, clock, change
 * of limit, refill. True if the state must be stored even if nothing is charged (limiter/B4).
 */
export function bringUpToDate(bucket: Bucket, shape: LimitShape, nowUs: number): boolean {
  if (nowUs >= expiresAtUs(bucket)) {
    fillBucket(bucket, shape, nowUs);
    return false;
  }
  let mustStore = false;
  if (bucket.stampUs - nowUs > clockBackUsMax) {
    bucket.stampUs = nowUs;
    mustStore = true;
  }
  if (isSameShape(bucket.shape, shape)) {
    refill(bucket, shape.fullGrains, nowUs);
    return mustStore;
  }
  changeLimit(bucket, shape, nowUs);
  return true;
}

/** When the bucket will be full, in microseconds on the store's clock. */
export function fullAtUs({ level, stampUs, shape }: Bucket): number {
  return stampUs + ticksToUs(shape.fullGrains - level, shape);
}

/** When the bucket is forgotten: from then on it is an absent one. */
export function expiresAtUs(bucket: Bucket): number {
  return fullAtUs(bucket) + expiryAfterFullUs;
}

/**
 * Time until `missing` more grains are there, in milliseconds rounded up; 0 if none is missing.
 * `aheadUs` is the bucket's stamp minus now: negative by what is left of a tick, positive after the clock went back.
 */
export function waitMs(shape: LimitShape, missing: number, aheadUs: number): number {
  if (missing <= 0) return 0;
  return Math.max(0, Math.ceil(Math.min(aheadUs + ticksToUs(missing, shape), waitUsMax) / 1_000));
}

/** Whole ticks it takes to add the grains, as microseconds, cut at the longest wait. */
function ticksToUs(missing: number, { grainsPerTick, tickUs }: LimitShape): number {
  if (missing <= 0) return 0;
  return Math.min(Math.ceil(missing / grainsPerTick) * tickUs, waitUsMax);
}

/** Adds what whole ticks since the stamp bring, up to `capGrains`; what is left of a tick stays in the stamp. */
function refill(bucket: Bucket, capGrains: number, nowUs: number): void {
  const { grainsPerTick, tickUs } = bucket.shape;
  if (nowUs < bucket.stampUs) return;
  const ticks = Math.floor((nowUs - bucket.stampUs) / tickUs);
  // The product may round when it is above 2^53, but then it is above the cap as well.
  if (ticks * grainsPerTick >= capGrains - bucket.level) {
    bucket.level = capGrains;
    bucket.stampUs = nowUs;
    return;
  }
  bucket.level += ticks * grainsPerTick;
  bucket.stampUs += ticks * tickUs;
}

/** Time since the stamp counts at the lower of both rates and under the smaller burst (limiter/B8). */
function changeLimit(bucket: Bucket, shape: LimitShape, nowUs: number): void {
  const old = bucket.shape;
  if (compareRefill(old, shape) <= 0) refill(bucket, old.fullGrains, nowUs);
  bucket.level = rescale(bucket.level, old.grainsPerToken, shape.grainsPerToken);
  bucket.shape = shape;
  const capGrains = Math.min(old.effectiveBurst, shape.effectiveBurst) * shape.grainsPerToken;
  // All the time since the stamp at the new rate, or what is left of an old tick, which counts in the new ones.
  refill(bucket, capGrains, nowUs);
  if (bucket.level < capGrains) return;
  bucket.level = capGrains;
  bucket.stampUs = Math.max(bucket.stampUs, nowUs);
}

import type { PreparedCheck } from './prepare-check.js';

/** What a store says of one check. The states come in the order of `PreparedCheck.calls`. */
export interface TakenCheck {
  /** Whether every enforcing limit had room and everything was charged. */
  readonly allowed: boolean;
  /** Bit i: limit i had room. A shadow limit was charged if its bit is set and the check was allowed. */
  readonly fits: number;
  /** State after the decision: level in grains, stamp in microseconds; level, stamp, level, stamp, ... */
  readonly states: readonly number[];
  /** The store's clock, in microseconds since the epoch. */
  readonly decidedAtUs: number;
  /** Place among the decisions of this time: with decidedAtUs the order in which they were made. */
  readonly batchIndex: number;
}

/** Undefined: the store has no room for a new bucket and the check gets its failure mode (limiter/B14). */
export type TakeResult = TakenCheck | undefined;

/** Where buckets live. Checks of one batch are decided in order of arrival, each all or nothing (limiter/B3). */
export interface BucketStore {
  /**
   * Decides and charges. Answers without a promise where it can. A rejection means that none of the batch was decided
   * for certain: see `StoreError` of the store in question for what may have been charged.
   */
  take(batch: readonly PreparedCheck[]): TakeResult[] | Promise<TakeResult[]>;
  close(): Promise<void>;
}

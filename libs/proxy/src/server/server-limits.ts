import { streamIdleMs } from '../forward/services-schema.js';
import type { HeadLimits } from './parse-request-head.js';

/** Sizes and times of a listener (gateway/H6, H7, H14). */
export interface ServerLimits extends HeadLimits {
  /** From a message's first byte, or the connection's begin, to the end of its head. */
  readonly headerTimeoutMs: number;
  /** No byte of a body we are reading, or none of an answer the client is taking. */
  readonly bodyIdleMs: number;
  /** The same for bodies that were declared slow (`stream: true` routes). */
  readonly streamIdleMs: number;
  /** A body must bring this much in every window of reading. */
  readonly bodyRateBytesPerSecondMin: number;
  readonly bodyRateWindowMs: number;
  readonly keepAliveMs: number;
  /** Longest a connection stays half-closed after its last answer. */
  readonly lingerMs: number;
  /** What is still read of a body behind its answer, so that the connection can be used again. */
  readonly leftoverBytesMax: number;
  readonly leftoverMs: number;
}

/** Client-facing listeners. */
export const publicLimits: ServerLimits = {
  requestLineBytesMax: 8 * 1024,
  fieldBytesMax: 16 * 1024,
  fieldCountMax: 100,
  headerTimeoutMs: 10_000,
  bodyIdleMs: 30_000,
  streamIdleMs,
  bodyRateBytesPerSecondMin: 1024,
  bodyRateWindowMs: 10_000,
  keepAliveMs: 65_000,
  lingerMs: 1_500,
  leftoverBytesMax: 64 * 1024,
  leftoverMs: 200,
};

/** The egress listener: the same request, with what ingress added. Ingress has checked the body's pace. */
export const egressLimits: ServerLimits = {
  ...publicLimits,
  fieldBytesMax: 32 * 1024,
  fieldCountMax: 130,
  bodyRateBytesPerSecondMin: 0,
};

import { randomFillSync } from 'node:crypto';

/** The parts of a `traceparent` (W3C Trace Context level 2). */
export interface TraceContext {
  /** 32 hex digits, not all zero. */
  readonly traceId: string;
  /** 16 hex digits of the caller's span, not all zero. */
  readonly parentId: string;
  readonly isSampled: boolean;
}

const shape = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;
/** Length of version 00, which has nothing behind the flags. */
const version00Length = 55;

/** Parses the field; undefined when it is absent or breaks the grammar, and a new trace begins. */
export function parseTraceparent(value: string | undefined): TraceContext | undefined {
  if (value === undefined || !shape.test(value)) return undefined;
  if (value.length > version00Length && value.startsWith('00')) return undefined;
  return { traceId: value.slice(3, 35), parentId: value.slice(36, 52), isSampled: (Number.parseInt(value.slice(53, 55), 16) & 1) === 1 };
}

/** The field a tier sends on: same trace, its own span. */
export function formatTraceparent(traceId: string, spanId: string, isSampled: boolean): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
}

// Filled in one go: a system call per id would cost more than the id is worth.
const pool = Buffer.allocUnsafe(8192);
let used = pool.length;

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const hex = pool.toString('hex', used, used + bytes);
  used += bytes;
  return hex;
}

/** 16 random bytes in hex. */
export const newTraceId = (): string => randomHex(16);

/** 8 random bytes in hex. */
export const newSpanId = (): string => randomHex(8);

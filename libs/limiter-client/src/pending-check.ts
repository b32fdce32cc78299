import type { Check, Decision } from '@tidegate/grpc';
import type { Expiring } from './deadline-wheel.js';
import type { LimiterError } from './limiter-error.js';
import { effectiveTimeoutMs, type OnLimiterFailure } from './limiter-link.js';

/** Who takes the outcome of a pending check that no limiter decided. */
export interface PendingCheckOwner {
  /** The outcome is unknown or the limiter is away: the failure mode decides (limiter/C4). */
  failed(pending: PendingCheck, why: 'timeout' | 'lost' | 'refused'): void;
}

/** One check on its way: waiting to be written, or written and waiting for its answer. Settled exactly once. */
export class PendingCheck implements Expiring {
  readonly check: Check;
  readonly onLimiterFailure: OnLimiterFailure;
  readonly startedAtMs: number;
  sentAtMs = 0;
  isSettled = false;
  /** Upper bound of its size on the wire, in bytes. */
  readonly bytesMax: number;
  resolve: (decision: Decision) => void = ignore;
  reject: (error: LimiterError) => void = ignore;
  readonly #owner: PendingCheckOwner;

  constructor(check: Check, options: { owner: PendingCheckOwner; onLimiterFailure: OnLimiterFailure; nowMs: number }) {
    this.check = check;
    this.onLimiterFailure = options.onLimiterFailure;
    this.startedAtMs = options.nowMs;
    this.bytesMax = boundBytes(check);
    this.#owner = options.owner;
  }

  /** The check as it goes out: its time to decide shortened by what it waited here. */
  toSend(nowMs: number): Check {
    const waitedMs = Math.floor(nowMs - this.startedAtMs);
    this.sentAtMs = nowMs;
    if (waitedMs < 5) return this.check;
    return { ...this.check, timeoutMs: Math.max(1, effectiveTimeoutMs(this.check) - waitedMs) };
  }

  settle(decision: Decision): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.resolve(decision);
  }

  raise(error: LimiterError): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.reject(error);
  }

  expire(): void {
    this.#owner.failed(this, 'timeout');
  }
}

function ignore(): void {}

/** A UTF-16 unit is at most 3 bytes of UTF-8; tags and lengths are below 12 bytes per entry. */
function boundBytes(check: Check): number {
  let bytes = 40 + 3 * (check.policy.length + check.checkId.length);
  for (const name in check.attributes) bytes += 12 + 3 * (name.length + (check.attributes[name] ?? '').length);
  for (const limit in check.limitCosts) bytes += 12 + 3 * limit.length;
  return bytes;
}

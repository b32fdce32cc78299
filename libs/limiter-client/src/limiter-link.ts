import type { Check, Decision } from '@tidegate/grpc';

/** What a caller does when no limiter answers (limiter/C4). */
export type OnLimiterFailure = 'local' | 'allow' | 'deny';

/** Options of one check. */
export interface CheckOptions {
  /** Beats the client's own setting. */
  readonly onLimiterFailure?: OnLimiterFailure;
}

/**
 * The way to the rate limiter: a gRPC stream, or a direct call in one process (gateway/U10).
 *
 * A decision that is there at once is returned as it is, one that has to travel as a promise; callers use `await` only on
 * the latter. A limiter that is away is no error: the failure mode decides and the decision says so. What the caller did
 * wrong is thrown, or rejected with, a {@link LimiterError}.
 */
export interface LimiterLink {
  check(check: Check, options?: CheckOptions): Decision | Promise<Decision>;
  close(): Promise<void>;
}

/** A check from what callers usually know; everything else at its default: cost 1, 50 ms, only the bound limit told. */
export function buildCheck(policy: string, attributes: Record<string, string>, extra: Partial<Check> = {}): Check {
  return {
    policy,
    attributes,
    cost: extra.cost,
    limitCosts: extra.limitCosts ?? {},
    checkId: extra.checkId ?? '',
    timeoutMs: extra.timeoutMs ?? 0,
    verbose: extra.verbose ?? false,
  };
}

/** Time to decide when a check names none, in ms (`timeout_ms` of the proto). */
export const timeoutMsDefault = 50;

/** Longest time to decide a check may ask for, in ms. */
export const timeoutMsMax = 10_000;

/** The time to decide that holds for a check, in ms. */
export function effectiveTimeoutMs(check: Check): number {
  if (check.timeoutMs === 0) return timeoutMsDefault;
  return check.timeoutMs > timeoutMsMax ? timeoutMsMax : check.timeoutMs;
}

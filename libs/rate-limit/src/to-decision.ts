import type { Decision, LimitResult, Reason } from '@tidegate/grpc';
import type { TakenCheck } from './bucket-store.js';
import { waitMs } from './bucket.js';
import { compareFractions } from './limit-shape.js';
import { partitionOf } from './partition.js';
import type { BucketCall, PreparedCheck } from './prepare-check.js';
import { limitModes, reasons } from './wire-values.js';

/** What a decision says besides what the store answered. */
export interface DecisionDetails {
  readonly configVersion: string;
  readonly decisionId: string;
  /** Set where the store is away and the check was decided from 1/localDivisor of its limits. */
  readonly localDivisor?: number;
}

/** What a share of a limit tells a check that only the whole limit has room for (limiter/F1). */
const shareRetryAfterMs = 1_000;

/** The decision of one check, with the limit that bound and why (limiter/X1); all limits where the check asks for them. */
export function toDecision(prepared: PreparedCheck, taken: TakenCheck, details: DecisionDetails): Decision {
  const { check, policy, calls } = prepared;
  const results = calls.map((_call, index) => toLimitResult(prepared, taken, index));
  const bound = taken.allowed ? tightestOf(results) : longestOf(results);
  const result = results[bound];
  const { localDivisor = 0 } = details;
  return {
    allowed: taken.allowed,
    reason: taken.allowed ? reasons.withinLimits : denialReason(calls[bound]),
    policy: policy.name,
    boundLimit: result?.limit ?? '',
    remaining: result?.remaining ?? 0,
    retryAfterMs: taken.allowed ? peekRetryAfterMs(results) : result?.retryAfterMs,
    resetMs: result?.resetMs ?? 0,
    degraded: localDivisor > 0,
    limits: check.verbose || result === undefined ? results : [result],
    configVersion: details.configVersion,
    decisionId: details.decisionId,
    checkId: check.checkId,
    decidedAtUs: taken.decidedAtUs,
    batchIndex: taken.batchIndex,
    localDivisor,
  };
}

/** The answer of the failure modes `allow` and `deny`: no limit was looked at (limiter/F1). */
export function toFailureDecision({ check, policy }: PreparedCheck, mode: 'allow' | 'deny', details: DecisionDetails): Decision {
  const allowed = mode === 'allow';
  return {
    allowed,
    reason: allowed ? reasons.storeDownAllow : reasons.storeDownDeny,
    policy: policy.name,
    boundLimit: '',
    remaining: 0,
    retryAfterMs: allowed ? undefined : shareRetryAfterMs,
    resetMs: 0,
    degraded: true,
    limits: [],
    configVersion: details.configVersion,
    decisionId: details.decisionId,
    checkId: check.checkId,
    decidedAtUs: 0,
    batchIndex: 0,
    localDivisor: 0,
  };
}

function toLimitResult({ calls, policy }: PreparedCheck, { fits, states, decidedAtUs }: TakenCheck, index: number): LimitResult {
  const call = calls[index] as BucketCall;
  const { limit, shape, cost } = call;
  const isBlocked = shape.rate === 0;
  const level = isBlocked ? 0 : (states[2 * index] as number);
  const aheadUs = (states[2 * index + 1] as number) - decidedAtUs;
  const allowed = (fits & (1 << index)) !== 0;
  const remaining = Math.floor(level / shape.grainsPerToken);
  let retryAfterMs: number | undefined;
  if (call.isHopeless) retryAfterMs = isWithinWhole(call) ? shareRetryAfterMs : undefined;
  else if (!allowed) retryAfterMs = waitMs(shape, cost * shape.grainsPerToken - level, aheadUs);
  else if (cost === 0 && remaining === 0) retryAfterMs = waitMs(shape, shape.grainsPerToken - level, aheadUs);
  return {
    limit: limit.name,
    mode: limit.isShadow ? limitModes.shadow : limitModes.enforce,
    allowed,
    rate: shape.rate,
    perMs: shape.perMs,
    burst: shape.effectiveBurst,
    remaining,
    retryAfterMs,
    resetMs: isBlocked ? 0 : waitMs(shape, shape.fullGrains - level, aheadUs),
    cost,
    adjustment: undefined,
    overrideId: '',
    partition: policy.partitionKey ? partitionOf(call.key) : noPartition,
    unit: limit.unit === 'requests' ? '' : limit.unit,
  };
}

const noPartition = Buffer.alloc(0);

/** Whether a cost that is above this replica's share would fit the whole limit. */
function isWithinWhole({ limit, shape, cost }: BucketCall): boolean {
  return limit.divisor > 1 && shape.rate > 0 && cost <= limit.undividedBurst;
}

function denialReason(call: BucketCall | undefined): Reason {
  if (call === undefined || !call.isHopeless || isWithinWhole(call)) return reasons.limitExceeded;
  return call.shape.rate === 0 ? reasons.blocked : reasons.costExceedsBurst;
}

/** Denied: the failing limit with the longest wait; one that never succeeds outranks any wait. -1 if there is none. */
function longestOf(results: readonly LimitResult[]): number {
  let bound = -1;
  let longestMs = -1;
  for (const [index, { mode, allowed, retryAfterMs = Infinity }] of results.entries()) {
    if (allowed || mode !== limitModes.enforce || retryAfterMs <= longestMs) continue;
    bound = index;
    longestMs = retryAfterMs;
  }
  return bound;
}

/** Allowed: the enforcing limit with the smallest remaining/burst. -1 if there is none. */
function tightestOf(results: readonly LimitResult[]): number {
  let bound = -1;
  for (const [index, result] of results.entries()) {
    if (result.mode !== limitModes.enforce) continue;
    const best = results[bound];
    if (best === undefined || compareFractions([result.remaining, result.burst], [best.remaining, best.burst]) < 0) bound = index;
  }
  return bound;
}

/** After a peek: the wait until every enforcing limit has a token; unset if they have or if something was asked. */
function peekRetryAfterMs(results: readonly LimitResult[]): number | undefined {
  let longestMs: number | undefined;
  for (const { mode, retryAfterMs } of results) {
    if (mode !== limitModes.enforce || retryAfterMs === undefined) continue;
    if (longestMs === undefined || retryAfterMs > longestMs) longestMs = retryAfterMs;
  }
  return longestMs;
}

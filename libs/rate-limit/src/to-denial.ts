import type { FaultCode, FaultDetails } from '@tidegate/fault';
import type { Decision, LimitResult } from '@tidegate/grpc';
import { toRateLimitFields } from './to-rate-limit-fields.js';
import { adjustmentSources, limitModes, reasons } from './wire-values.js';

/** The parts of the fault that answers a denied request: `new Fault(code, internal, details)`. */
export interface Denial {
  readonly code: FaultCode;
  readonly internal: string;
  readonly details: FaultDetails;
}

/** What the answer may show. */
export interface DenialOptions {
  /** Whether the route sends RateLimit fields (limiter/H2); Retry-After is sent in any case. */
  readonly headers: boolean;
}

const ianaTypes = 'https://iana.org/assignments/http-problem-types#';

/** The HTTP answer to a denied check (limiter/H1, H4): status, Retry-After, RateLimit fields, problem type and members. */
export function toDenial(decision: Decision, { headers }: DenialOptions): Denial {
  const code = codeOf(decision);
  const isUndecided = decision.limits.length === 0;
  const seconds = isUndecided ? 1 : retryAfterSeconds(decision);
  const fields = headers ? toRateLimitFields(decision) : [];
  if (seconds !== undefined) fields.push('retry-after', String(seconds));
  const detail = detailOf(decision);
  const details: FaultDetails = {
    fields,
    members: { 'violated-policies': violatedBy(decision), decisionId: decision.decisionId },
    ...(code === 'limiter-unavailable' ? {} : { type: ianaTypes + code }),
    ...(isUndecided ? { status: 503 } : {}),
    ...(detail === undefined ? {} : { detail }),
  };
  return { code, internal: `denied by ${decision.policy}/${decision.boundLimit}, reason ${decision.reason}`, details };
}

/** Retry-After in whole seconds, at least 1; undefined if waiting does not help. */
function retryAfterSeconds({ retryAfterMs }: Decision): number | undefined {
  return retryAfterMs === undefined ? undefined : Math.max(1, Math.ceil(retryAfterMs / 1_000));
}

function codeOf({ reason, degraded, limits, boundLimit }: Decision): FaultCode {
  if (reason === reasons.limiterDown && limits.length === 0) return 'limiter-unavailable';
  if (degraded || reason === reasons.storeDownDeny) return 'temporary-reduced-capacity';
  return isTightenedByModel(limits.find(({ limit }) => limit === boundLimit)) ? 'abnormal-usage-detected' : 'quota-exceeded';
}

function isTightenedByModel(limit: LimitResult | undefined): boolean {
  const adjustment = limit?.adjustment;
  return adjustment !== undefined && adjustment.source === adjustmentSources.model && adjustment.multiplierPercent < 100;
}

/** Names of the limits that denied; the bound one where the decision lists no other. */
function violatedBy({ limits, boundLimit }: Decision): string[] {
  const names: string[] = [];
  for (const { limit, mode, allowed } of limits) if (!allowed && mode === limitModes.enforce) names.push(limit);
  return names.length === 0 && boundLimit !== '' ? [boundLimit] : names;
}

function detailOf({ reason }: Decision): string | undefined {
  if (reason === reasons.costExceedsBurst) return 'The request asks for more than the limit ever holds.';
  return reason === reasons.blocked ? 'The limit admits nothing.' : undefined;
}

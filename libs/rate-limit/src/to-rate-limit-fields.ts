import type { Decision, LimitResult } from '@tidegate/grpc';
import { limitModes } from './wire-values.js';

/** Integers of structured fields have at most 15 digits (RFC 9651 section 3.3.1). */
const integerMax = 999_999_999_999_999;
const policyTextsMax = 1_000;
const msPerS = 1_000;

/** The last RateLimit-Policy text of each policy, with the limits it was made from: it changes only with the limits. */
const policyTexts = new Map<string, { readonly limits: readonly LimitResult[]; readonly text: string }>();

/**
 * The RateLimit-Policy and RateLimit fields of a decision, as flat name, value pairs (limiter/H2, H3;
 * draft-ietf-httpapi-ratelimit-headers-10 as RFC 9651 lists). Empty where no enforcing limit was looked at.
 */
export function toRateLimitFields(decision: Decision): string[] {
  const policy = policyText(decision);
  return policy === '' ? [] : ['ratelimit-policy', policy, 'ratelimit', rateLimitText(decision)];
}

function rateLimitText({ allowed, limits }: Decision): string {
  let text = '';
  for (const limit of limits) {
    if (limit.mode !== limitModes.enforce) continue;
    if (text !== '') text += ', ';
    const left = Math.min(limit.remaining, quotaOf(limit));
    text += `"${limit.limit}";r=${Math.min(left, integerMax)}`;
    const seconds = allowed ? Math.max(Math.ceil(limit.resetMs / msPerS), secondsFor(left, limit)) : ownWait(limit);
    if (seconds !== undefined) text += `;t=${Math.min(seconds, integerMax)}`;
    if (limit.partition.length > 0) text += `;pk=:${limit.partition.toString('base64')}:`;
  }
  return text;
}

/** On a denial: the wait of a limit that denied; none for the others, so that no t exceeds Retry-After. */
function ownWait({ allowed, retryAfterMs }: LimitResult): number | undefined {
  return allowed || retryAfterMs === undefined ? undefined : Math.max(1, Math.ceil(retryAfterMs / msPerS));
}

function policyText({ policy, limits }: Decision): string {
  const known = policyTexts.get(policy);
  if (known !== undefined && isSameQuota(known.limits, limits)) return known.text;
  const text = limits
    .filter(({ mode }) => mode === limitModes.enforce)
    .map(toPolicyItem)
    .join(', ');
  if (policyTexts.size >= policyTextsMax) policyTexts.clear();
  policyTexts.set(policy, { limits, text });
  return text;
}

function isSameQuota(known: readonly LimitResult[], limits: readonly LimitResult[]): boolean {
  if (known.length !== limits.length) return false;
  for (let index = 0; index < limits.length; index += 1) {
    const a = known[index] as LimitResult;
    const b = limits[index] as LimitResult;
    const isSame = a.rate === b.rate && a.burst === b.burst && a.perMs === b.perMs && a.mode === b.mode && a.unit === b.unit;
    if (!isSame || a.limit !== b.limit || percentOf(a) !== percentOf(b)) return false;
  }
  return true;
}

function toPolicyItem(limit: LimitResult): string {
  const unit = limit.unit === '' ? '' : `;qu="${limit.unit}"`;
  return `"${limit.limit}";q=${Math.min(quotaOf(limit), integerMax)};w=${Math.min(windowOf(limit), integerMax)}${unit}`;
}

/** q: the effective burst; what a second brings where the burst is less; 0 if blocked. */
function quotaOf(limit: LimitResult): number {
  if (limit.rate === 0) return 0;
  return isFilledWithinSecond(limit) ? ratio(limit.rate, 10 * percentOf(limit), { by: limit.perMs, round: 'down' }) : limit.burst;
}

/** w: seconds to fill the burst, rounded up. */
function windowOf(limit: LimitResult): number {
  return limit.rate === 0 ? 1 : secondsFor(limit.burst, limit);
}

function isFilledWithinSecond(limit: LimitResult): boolean {
  return limit.burst < ratio(limit.rate, 10 * percentOf(limit), { by: limit.perMs, round: 'up' });
}

/** Seconds in which the limit's rate brings so many tokens, rounded up. */
function secondsFor(tokens: number, limit: LimitResult): number {
  if (tokens === 0 || limit.rate === 0) return 0;
  return ratio(tokens, limit.perMs, { by: limit.rate * 10 * percentOf(limit), round: 'up' });
}

/** The multiplier that is in force, in percent. */
function percentOf({ adjustment }: LimitResult): number {
  return adjustment?.multiplierPercent ?? 100;
}

/** a * b / by, rounded; exact although a * b may exceed 2^53. */
function ratio(a: number, b: number, { by, round }: { by: number; round: 'up' | 'down' }): number {
  if (a * b > Number.MAX_SAFE_INTEGER) {
    const exact = BigInt(a) * BigInt(b);
    return Number((round === 'up' ? exact + BigInt(by) - 1n : exact) / BigInt(by));
  }
  return round === 'up' ? Math.ceil((a * b) / by) : Math.floor((a * b) / by);
}

import { AdjustmentSource, LimitMode, Reason, type Decision, type LimitResult } from '@tidegate/grpc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toDenial } from './to-denial.js';
import { toRateLimitFields } from './to-rate-limit-fields.js';

const result = (changes: Partial<LimitResult> = {}): LimitResult => ({
  limit: 'burst', mode: LimitMode.ENFORCE, allowed: true, rate: 100, perMs: 60_000, burst: 100, remaining: 50, retryAfterMs: undefined, resetMs: 30_000,
  cost: 1, adjustment: undefined, overrideId: '', partition: Buffer.alloc(0), unit: '', ...changes,
});
const daily = result({ limit: 'daily', rate: 1_000, perMs: 86_400_000, burst: 1_000, remaining: 812, resetMs: 16_243_200 });
const decision = (changes: Partial<Decision> = {}): Decision => ({
  allowed: true, reason: Reason.WITHIN_LIMITS, policy: 'p', boundLimit: 'burst', remaining: 50, retryAfterMs: undefined, resetMs: 30_000, degraded: false,
  limits: [result()], configVersion: 'v', decisionId: 'd1', checkId: '', decidedAtUs: 0, batchIndex: 0, localDivisor: 0, ...changes,
});
const denied = (changes: Partial<Decision> = {}): Decision => decision({ allowed: false, reason: Reason.LIMIT_EXCEEDED, retryAfterMs: 4_001, limits: [result({ allowed: false, remaining: 0, retryAfterMs: 4_001 }), daily], ...changes });
const tightened = (percent: number, source = AdjustmentSource.MODEL) => ({ id: 'a', multiplierPercent: percent, source, reason: 'r', expiresInMs: 1, author: '', modelId: 'm' });

describe('fields of an answer', () => {
  it('limiter/H2: all enforcing limits in policy order, as lists of strings with parameters', () => {
    expect(toRateLimitFields(decision({ limits: [result(), daily, result({ limit: 'try', mode: LimitMode.SHADOW })] }))).toEqual([
      'ratelimit-policy', '"burst";q=100;w=60, "daily";q=1000;w=86400',
      'ratelimit', '"burst";r=50;t=30, "daily";r=812;t=70157',
    ]);
  });

  it('limiter/H3: t is the time to full, or as long as the rate needs for r', () => {
    expect(toRateLimitFields(decision({ limits: [result({ remaining: 0, resetMs: 59_001 })] }))[3]).toBe('"burst";r=0;t=60');
    expect(toRateLimitFields(decision({ limits: [result({ remaining: 100, resetMs: 0 })] }))[3]).toBe('"burst";r=100;t=60');
  });

  it('limiter/H3: a burst that fills within a second is told as what a second brings', () => {
    expect(toRateLimitFields(decision({ limits: [result({ rate: 1_000_000, perMs: 1_000, burst: 1_000, remaining: 900, resetMs: 1 })] }))).toEqual([
      'ratelimit-policy', '"burst";q=1000000;w=1', 'ratelimit', '"burst";r=900;t=1',
    ]);
    expect(toRateLimitFields(decision({ limits: [result({ rate: 3, perMs: 2_000, burst: 1, remaining: 1, resetMs: 0 })] }))[1]).toBe('"burst";q=1;w=1');
    expect(toRateLimitFields(decision({ limits: [result({ rate: 10, perMs: 1_000, burst: 10 })] }))[1]).toBe('"burst";q=10;w=1');
  });

  it('limiter/H3: unit and partition only where they say something', () => {
    const limits = [result({ unit: 'content-bytes', partition: Buffer.from('0102030405060708', 'hex') })];
    expect(toRateLimitFields(decision({ limits }))).toEqual(['ratelimit-policy', '"burst";q=100;w=60;qu="content-bytes"', 'ratelimit', '"burst";r=50;t=30;pk=:AQIDBAUGBwg=:']);
  });

  it('limiter/H3: a multiplier changes q, w and t with the burst and rate that are in force', () => {
    const limits = [result({ burst: 25, remaining: 25, resetMs: 0, adjustment: tightened(25) })];
    expect(toRateLimitFields(decision({ limits }))).toEqual(['ratelimit-policy', '"burst";q=25;w=60', 'ratelimit', '"burst";r=25;t=60']);
  });

  it('limiter/H3: on 429 the violated limits carry their own wait, the others none', () => {
    expect(toRateLimitFields(denied())[3]).toBe('"burst";r=0;t=5, "daily";r=812');
  });

  it('limiter/H3: a blocked limit has no quota and no time', () => {
    const limits = [result({ allowed: false, rate: 0, burst: 1, remaining: 0, resetMs: 0 })];
    expect(toRateLimitFields(denied({ limits }))).toEqual(['ratelimit-policy', '"burst";q=0;w=1', 'ratelimit', '"burst";r=0']);
  });

  it('limiter/H2: nothing where no limit was looked at', () => {
    expect(toRateLimitFields(denied({ limits: [] }))).toEqual([]);
  });

  it('limiter/H3: r <= q, r/t never above the rate, every t <= Retry-After, at most 15 digits', () => {
    const anyLimit = fc
      .record({ rate: fc.integer({ min: 1, max: 1e9 }), perMs: fc.integer({ min: 1, max: 366 * 86_400_000 }), burst: fc.integer({ min: 1, max: 1e12 }), share: fc.double({ min: 0, max: 1, noNaN: true }), fails: fc.boolean(), waitMs: fc.integer({ min: 1, max: 1e12 }) })
      .map(({ share, fails, waitMs, ...numbers }) => result({ ...numbers, remaining: Math.floor(numbers.burst * share), resetMs: waitMs, allowed: !fails, retryAfterMs: fails ? waitMs : undefined }));
    fc.assert(
      fc.property(fc.array(anyLimit, { minLength: 1, maxLength: 4 }), (limits) => {
        const waits = limits.flatMap(({ retryAfterMs }) => retryAfterMs ?? []);
        const isDenied = waits.length > 0;
        const answer = isDenied ? denied({ limits, retryAfterMs: Math.max(...waits) }) : decision({ limits });
        const [, policy = '', , state = ''] = toRateLimitFields(answer);
        const quotas = [...policy.matchAll(/"[a-z]+";q=(\d{1,15});w=(\d{1,15})(?:, |$)/g)];
        const items = [...state.matchAll(/"[a-z]+";r=(\d{1,15})(?:;t=(\d{1,15}))?(?:, |$)/g)];
        expect([quotas.length, items.length]).toEqual([limits.length, limits.length]);
        const retryAfter = Number(toDenial(answer, { headers: true }).details.fields?.at(-1));
        for (const [index, [, r, t]] of items.entries()) {
          const { rate, perMs } = limits.at(index) as LimitResult;
          const tellsTooMuch = BigInt(r ?? 0) * BigInt(perMs) > BigInt(rate) * BigInt(t ?? 0) * 1_000n && Number(t) !== 999_999_999_999_999;
          expect(Number(r)).toBeLessThanOrEqual(Number(quotas[index]?.[1]));
          expect(isDenied ? Number(t ?? 0) > retryAfter : tellsTooMuch).toBe(false);
        }
      }),
    );
  });
});

describe('the answer to a denied request', () => {
  it('limiter/H1, H4: 429 with Retry-After, the type of the registry and the names of the limits', () => {
    expect(toDenial(denied(), { headers: true })).toEqual({
      code: 'quota-exceeded',
      internal: 'denied by p/burst, reason 2',
      details: {
        fields: ['ratelimit-policy', '"burst";q=100;w=60, "daily";q=1000;w=86400', 'ratelimit', '"burst";r=0;t=5, "daily";r=812', 'retry-after', '5'],
        members: { 'violated-policies': ['burst'], decisionId: 'd1' },
        type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      },
    });
  });

  it('limiter/H2: a route without RateLimit fields still sends Retry-After', () => {
    expect(toDenial(denied({ retryAfterMs: 1 }), { headers: false }).details.fields).toEqual(['retry-after', '1']);
  });

  it('limiter/H1: no Retry-After where waiting does not help', () => {
    const { details } = toDenial(denied({ reason: Reason.COST_EXCEEDS_BURST, retryAfterMs: undefined }), { headers: false });
    expect(details).toMatchObject({ fields: [], detail: 'The request asks for more than the limit ever holds.' });
  });

  it.each<[string, Partial<Decision>, object]>([
    ['the model tightened the bound limit', { limits: [result({ allowed: false, adjustment: tightened(50) })] }, { code: 'abnormal-usage-detected', details: { type: 'https://iana.org/assignments/http-problem-types#abnormal-usage-detected' } }],
    ['an operator did', { limits: [result({ allowed: false, adjustment: tightened(50, AdjustmentSource.OPERATOR) })] }, { code: 'quota-exceeded' }],
    ['the model raised it', { limits: [result({ allowed: false, adjustment: tightened(150) })] }, { code: 'quota-exceeded' }],
    ['only a share was decided', { degraded: true }, { code: 'temporary-reduced-capacity', details: { type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity' } }],
    ['the store is away and the policy denies', { reason: Reason.STORE_DOWN_DENY, degraded: true, limits: [], boundLimit: '' }, { code: 'temporary-reduced-capacity', details: { status: 503, fields: ['retry-after', '1'] } }],
    ['no limiter answers and the route denies', { reason: Reason.LIMITER_DOWN, degraded: true, limits: [], boundLimit: '' }, { code: 'limiter-unavailable', details: { status: 503, fields: ['retry-after', '1'], members: { 'violated-policies': [] } } }],
  ])('limiter/H4: the problem where %s', (_name, changes, expected) => {
    expect(toDenial(denied(changes), { headers: false })).toMatchObject(expected);
  });

  it('limiter/H4: limiter-unavailable keeps its own type', () => {
    expect(toDenial(denied({ reason: Reason.LIMITER_DOWN, limits: [] }), { headers: false }).details.type).toBeUndefined();
  });
});

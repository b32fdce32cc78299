import { Reason } from '@tidegate/grpc';
import { fakeClock } from '@tidegate/testkit';
import { describe, expect, it } from 'vitest';
import type { TakenCheck } from './bucket-store.js';
import { limiterSchema } from './limiter-schema.js';
import { createMemoryBucketStore } from './memory-bucket-store.js';
import { compilePolicies, dividePolicy, type CompiledPolicy } from './policy-set.js';
import { prepareForPolicy, type PreparedCheck } from './prepare-check.js';
import { toDecision, toFailureDecision } from './to-decision.js';

const details = { configVersion: 'v1', decisionId: 'd1' };
const limit = (name: string, numbers: object): object => ({ name, key: '{client}', per: '1s', ...numbers });
const policyOf = (limits: object[], changes: object = {}): CompiledPolicy =>
  compilePolicies(limiterSchema.parse({ policies: { p: { subject: '{client}', limits, ...changes } } }), 'v1').policies.get('p') as CompiledPolicy;

const start = (policy: CompiledPolicy, localDivisor?: number) => {
  const clock = fakeClock();
  const store = createMemoryBucketStore({ clock });
  const ask = ({ verbose = true, limitCosts = {}, cost = 1 } = {}) => {
    const check = { policy: 'p', attributes: { client: 'c' }, cost, limitCosts, checkId: 'mine', timeoutMs: 0, verbose };
    const prepared = prepareForPolicy(policy, check) as PreparedCheck;
    const taken = store.takeOne(prepared) as TakenCheck;
    return toDecision(prepared, taken, localDivisor === undefined ? details : { ...details, localDivisor });
  };
  return { clock, ask };
};

describe('the bound limit', () => {
  it('limiter/X1: a decision names policy, limit, effective limit, remaining, cost, version, ids and time', () => {
    const { ask, clock } = start(policyOf([limit('burst', { rate: 4, burst: 8 })]));
    expect(ask({ cost: 3 })).toEqual({
      allowed: true,
      reason: Reason.WITHIN_LIMITS,
      policy: 'p',
      boundLimit: 'burst',
      remaining: 5,
      retryAfterMs: undefined,
      resetMs: 750,
      degraded: false,
      limits: [
        { limit: 'burst', mode: 1, allowed: true, rate: 4, perMs: 1_000, burst: 8, remaining: 5, retryAfterMs: undefined, resetMs: 750, cost: 3, adjustment: undefined, overrideId: '', partition: Buffer.alloc(0), unit: '' },
      ],
      configVersion: 'v1',
      decisionId: 'd1',
      checkId: 'mine',
      decidedAtUs: clock.nowMs() * 1_000,
      batchIndex: 0,
      localDivisor: 0,
    });
  });

  it('limiter/section 1: allowed, it is the one with the smallest share left; ties by policy order', () => {
    const { ask } = start(policyOf([limit('a', { rate: 10 }), limit('b', { rate: 100 }), limit('c', { rate: 5 })]));
    expect(ask({ cost: 0 }).boundLimit).toBe('a');
    expect(ask().boundLimit).toBe('c');
    expect(ask({ limitCosts: { b: 97, a: 0, c: 0 } }).boundLimit).toBe('b');
  });

  it('limiter/section 1: denied, it is the failing one with the longest wait; what never succeeds outranks any wait', () => {
    const policy = policyOf([limit('fast', { rate: 10 }), limit('slow', { rate: 1 }), limit('small', { rate: 10, burst: 2 })]);
    const { ask } = start(policy);
    ask();
    expect(ask({ limitCosts: { fast: 10, slow: 1, small: 0 } })).toMatchObject({ allowed: false, boundLimit: 'slow', reason: Reason.LIMIT_EXCEEDED, retryAfterMs: 1_000, remaining: 0 });
    expect(ask({ limitCosts: { small: 3 } })).toMatchObject({ allowed: false, boundLimit: 'small', reason: Reason.COST_EXCEEDS_BURST, retryAfterMs: undefined, remaining: 1 });
  });

  it('limiter/B5: two that never succeed tie by policy order', () => {
    const policy = policyOf([limit('a', { rate: 10, burst: 2 }), limit('b', { rate: 0 })]);
    expect(start(policy).ask({ cost: 3 })).toMatchObject({ boundLimit: 'a', reason: Reason.COST_EXCEEDS_BURST });
    expect(start(policy).ask()).toMatchObject({ boundLimit: 'b', reason: Reason.BLOCKED });
  });

  it('limiter/2.1: lists only the bound limit unless asked for all', () => {
    const { ask } = start(policyOf([limit('a', { rate: 10 }), limit('b', { rate: 5 })]));
    expect(ask({ verbose: false }).limits.map((result) => result.limit)).toEqual(['b']);
    expect(ask().limits.map((result) => result.limit)).toEqual(['a', 'b']);
  });

  it('limiter/B15: no limit binds where all are shadows', () => {
    const { ask } = start(policyOf([limit('a', { rate: 1, mode: 'shadow' })]));
    ask();
    expect(ask()).toMatchObject({ allowed: true, reason: Reason.WITHIN_LIMITS, boundLimit: '', limits: [{ mode: 2, allowed: false, retryAfterMs: 1_000 }] });
  });
});

describe('optional parts', () => {
  it('limiter/H3: the partition is 8 bytes of the hash of the key, only where the policy asks for it', () => {
    const { ask } = start(policyOf([limit('a', { rate: 1, unit: 'content-bytes' })], { partitionKey: true }));
    expect(ask().limits[0]).toMatchObject({ unit: 'content-bytes' });
    expect(ask().limits[0]?.partition.toString('hex')).toBe('65053a615875d05c');
  });
});

describe('while the store is away', () => {
  it('limiter/F1: a share is flagged with its divisor', () => {
    const { ask } = start(dividePolicy(policyOf([limit('a', { rate: 10, burst: 9 })]), 2), 2);
    expect(ask({ cost: 4 })).toMatchObject({ allowed: true, degraded: true, localDivisor: 2, remaining: 0, limits: [{ rate: 10, perMs: 2_000, burst: 4 }] });
    expect(ask()).toMatchObject({ allowed: false, reason: Reason.LIMIT_EXCEEDED, retryAfterMs: 200 });
  });

  it('limiter/F1: a cost above the share but within the burst may come again after a second', () => {
    const { ask } = start(dividePolicy(policyOf([limit('a', { rate: 10, burst: 9 })]), 2), 2);
    expect(ask({ cost: 9 })).toMatchObject({ allowed: false, reason: Reason.LIMIT_EXCEEDED, retryAfterMs: 1_000 });
    expect(ask({ cost: 10 })).toMatchObject({ allowed: false, reason: Reason.COST_EXCEEDS_BURST, retryAfterMs: undefined });
  });

  it('limiter/F1: allow and deny look at no limit', () => {
    const prepared = prepareForPolicy(policyOf([limit('a', { rate: 10 })]), { policy: 'p', attributes: { client: 'c' }, cost: 1, limitCosts: {}, checkId: 'mine', timeoutMs: 0, verbose: true }) as PreparedCheck;
    expect(toFailureDecision(prepared, 'allow', details)).toMatchObject({ allowed: true, reason: Reason.STORE_DOWN_ALLOW, degraded: true, limits: [], checkId: 'mine' });
    expect(toFailureDecision(prepared, 'deny', details)).toMatchObject({ allowed: false, reason: Reason.STORE_DOWN_DENY, degraded: true, limits: [], retryAfterMs: 1_000 });
  });
});

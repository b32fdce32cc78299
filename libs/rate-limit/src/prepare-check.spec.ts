import type { Check } from '@tidegate/grpc';
import { describe, expect, it } from 'vitest';
import { LimiterFault } from './limiter-fault.js';
import { limiterSchema } from './limiter-schema.js';
import { compilePolicies, divideLimit, dividePolicy, type CompiledLimit, type CompiledPolicy } from './policy-set.js';
import { prepareCheck, type PreparedCheck } from './prepare-check.js';
import { shareLevel } from './share-level.js';

const policySet = compilePolicies(
  limiterSchema.parse({
    policies: {
      users: {
        subject: '{tenant}',
        limits: [
          { name: 'burst', key: '{tenant}:{user|anonymous}', rate: 100, per: '1m' },
          { name: 'total', key: '{route}', rate: 2_000, per: '1s' },
          { name: 'flat', key: 'everyone', rate: 5_000, per: '1s' },
        ],
      },
      defaulted: { subject: '{user|a}', limits: [{ name: 'burst', key: '{user|b}', rate: 1, per: '1s' }] },
      costly: { subject: '{tenant}', limits: [{ name: 'a', key: '{tenant}', rate: 1, per: '1s', burst: 10 }, { name: 'b', key: '{tenant}', rate: 0, per: '1s', mode: 'shadow' }] },
    },
  }),
  'v1',
);
const check = (changes: Partial<Check> = {}): Check => ({ policy: 'users', attributes: { tenant: 't', route: 'r' }, cost: undefined, limitCosts: {}, checkId: '', timeoutMs: 0, verbose: false, ...changes });
const prepare = (changes: Partial<Check> = {}): PreparedCheck => {
  const prepared = prepareCheck(policySet, check(changes));
  if (prepared instanceof LimiterFault) throw new Error(prepared.message);
  return prepared;
};
const codeOf = (changes: Partial<Check>): string => {
  const prepared = prepareCheck(policySet, check(changes));
  return prepared instanceof LimiterFault ? prepared.code : 'none';
};

describe('bucket keys', () => {
  it('limiter/B9: the tag is the subject where the key contains it, else the own key', () => {
    expect(prepare().calls.map(({ key }) => key)).toEqual(['tg1:{t}:users/burst:t:anonymous', 'tg1:{r}:users/total:r', 'tg1:{everyone}:users/flat:everyone']);
  });

  it('limiter/B9: another default is another placeholder, so that one key never has two tags', () => {
    expect(prepare({ policy: 'defaulted', attributes: {} }).calls[0]?.key).toBe('tg1:{b}:defaulted/burst:b');
    expect(prepare({ policy: 'defaulted', attributes: { user: 'b' } }).calls[0]?.key).toBe('tg1:{b}:defaulted/burst:b');
  });

  it('limiter/B9: a value that looks like a tag or a separator stays one part', () => {
    expect(prepare({ attributes: { tenant: 'a}:x{', user: 'b/c', route: '' } }).calls.map(({ key }) => key)).toEqual([
      'tg1:{a%7D%3Ax%7B}:users/burst:a%7D%3Ax%7B:b%2Fc',
      'tg1:{%}:users/total:%',
      'tg1:{everyone}:users/flat:everyone',
    ]);
  });
});

describe('costs', () => {
  const costsOf = (changes: Partial<Check>): number[] => prepare({ policy: 'costly', ...changes }).calls.map(({ cost }) => cost);
  it('limiter/B5: unset is 1; 0 is a peek; the cost of a limit beats the cost of the check', () => {
    expect(costsOf({})).toEqual([1, 1]);
    expect(costsOf({ cost: 0 })).toEqual([0, 0]);
    expect(costsOf({ cost: 5, limitCosts: { b: 0, other: 7 } })).toEqual([5, 0]);
  });

  it('limiter/B5: above the burst is hopeless; a hopeless shadow limit does not deny', () => {
    expect(prepare({ policy: 'costly', cost: 10 }).isHopeless).toBe(false);
    expect(prepare({ policy: 'costly', cost: 11 }).isHopeless).toBe(true);
    expect(prepare({ policy: 'costly', cost: 10 }).calls[1]?.isHopeless).toBe(true);
  });
});

describe('faults of the caller', () => {
  const attributes = (count: number): Record<string, string> => Object.fromEntries(Array.from({ length: count }, (_value, i) => [`a${i}`, '']));
  it.each<[string, Partial<Check>, string]>([
    ['an empty policy', { policy: '' }, 'EMPTY_POLICY'],
    ['an unknown policy', { policy: 'nobody' }, 'UNKNOWN_POLICY'],
    ['a name every object has', { policy: 'constructor' }, 'UNKNOWN_POLICY'],
    ['a missing attribute', { attributes: { route: 'r' } }, 'MISSING_ATTRIBUTE'],
    ['16 attributes', { attributes: { ...attributes(14), tenant: 't', route: 'r' } }, 'none'],
    ['17 attributes', { attributes: { ...attributes(15), tenant: 't', route: 'r' } }, 'TOO_LARGE'],
    ['a value of 256 bytes', { attributes: { tenant: 'ä'.repeat(128), route: 'r' } }, 'none'],
    ['a value of 257 bytes', { attributes: { tenant: `${'ä'.repeat(128)}x`, route: 'r' } }, 'TOO_LARGE'],
    ['a name of 257 bytes', { attributes: { ['x'.repeat(257)]: '', tenant: 't', route: 'r' } }, 'TOO_LARGE'],
    ['a check id of 65 bytes', { checkId: 'x'.repeat(65) }, 'TOO_LARGE'],
    ['17 costs', { limitCosts: Object.fromEntries(Array.from({ length: 17 }, (_value, i) => [`l${i}`, 1])) }, 'TOO_LARGE'],
  ])('limiter/P10: %s', (_name, changes, code) => {
    expect(codeOf(changes)).toBe(code);
  });

  it('limiter/P10: says which limit needs which attribute, and no value', () => {
    expect(prepareCheck(policySet, check({ attributes: { tenant: 'secret' } }))).toMatchObject({ message: 'limit "users/total" needs the attribute "route"' });
  });

  it('limiter/P10: a made-up policy name is not sent back whole', () => {
    const fault = prepareCheck(policySet, check({ policy: 'p'.repeat(60_000) }));
    expect(fault).toMatchObject({ code: 'UNKNOWN_POLICY' });
    expect((fault as LimiterFault).message.length).toBeLessThan(100);
  });
});

describe('shares of a limit', () => {
  const whole = policySet.policies.get('users') as CompiledPolicy;
  it('limiter/F1: rate/n exactly and max(1, floor(burst/n)), under the same key', () => {
    const [burst, total] = dividePolicy(whole, 3).limits;
    expect(burst?.shape).toMatchObject({ rate: 100, perMs: 180_000, burst: 33 });
    expect(total?.shape).toMatchObject({ rate: 2_000, perMs: 3_000, burst: 666 });
    expect(divideLimit(whole.limits.at(0) as CompiledLimit, 1_000).shape.burst).toBe(1);
    expect(divideLimit(whole.limits.at(0) as CompiledLimit, 1).divisor).toBe(1);
    expect(burst?.infix).toBe(whole.limits[0]?.infix);
  });

  it('limiter/F2: a share starts from the last level seen, divided', () => {
    const limit = whole.limits.at(0) as CompiledLimit;
    const share = divideLimit(limit, 3).shape;
    const level = (tokens: number): number => shareLevel(tokens * limit.shape.grainsPerToken, limit.shape, { share, divisor: 3 }) / share.grainsPerToken;
    expect([level(0), level(30), level(100)]).toEqual([0, 10, 33]);
    expect(level(31)).toBeCloseTo(31 / 3, 6);
    expect(level(31)).toBeLessThanOrEqual(31 / 3);
  });
});

import { describe, expect, it } from 'vitest';
import { limiterSchema } from './limiter-schema.js';

const limit = { name: 'burst', key: '{client}', rate: 10, per: '1s' };
const withLimit = (changes: object): object => ({ policies: { p: { subject: '{client}', limits: [{ ...limit, ...changes }] } } });
const problemsOf = (config: unknown): string[] => (limiterSchema.safeParse(config).error?.issues ?? []).map(({ path, message }) => `${path.join('.')} ${message}`);

describe('limiterSchema', () => {
  it('limiter/G1: fills in what may be left out, times in ms', () => {
    expect(limiterSchema.parse(withLimit({}))).toEqual({
      store: { kind: 'memory' },
      replicasMin: 1,
      policies: {
        p: { subject: '{client}', onStoreFailure: 'local', partitionKey: false, limits: [{ name: 'burst', key: '{client}', rate: 10, perMs: 1_000, burst: 10, mode: 'enforce', unit: 'requests' }] },
      },
    });
  });

  it('limiter/G1: a store in Redis', () => {
    const parse = (store: object) => limiterSchema.parse({ store, policies: {} }).store;
    expect(parse({ redis: { url: 'redis://r' } })).toEqual({ kind: 'redis', mode: 'single', url: 'redis://r', timeoutMs: 25 });
    expect(parse({ redis: { mode: 'sentinel', url: 'redis+sentinel://a,b/m' }, timeoutMs: 50 })).toEqual({ kind: 'redis', mode: 'sentinel', url: 'redis+sentinel://a,b/m', timeoutMs: 50 });
  });

  it('limiter/G1: a blocked limit has a burst of 1', () => {
    expect(limiterSchema.parse(withLimit({ rate: 0 })).policies['p']?.limits[0]?.burst).toBe(1);
  });

  it.each([
    ['an unknown key', withLimit({ brust: 1 }), 'policies.p.limits.0 Unrecognized key: "brust"'],
    ['a rate above 1e9', withLimit({ rate: 1e9 + 1 }), 'policies.p.limits.0.rate Too big'],
    ['a negative rate', withLimit({ rate: -1 }), 'policies.p.limits.0.rate Too small'],
    ['a broken rate', withLimit({ rate: 0.5 }), 'policies.p.limits.0.rate Invalid input'],
    ['a period of 0', withLimit({ per: '0ms' }), 'policies.p.limits.0.per expected a duration: 1ms to'],
    ['a period above 366 days', withLimit({ per: '367d' }), 'policies.p.limits.0.per expected a duration'],
    ['a burst of 0', withLimit({ burst: 0 }), 'policies.p.limits.0.burst Too small'],
    ['a name with a slash', withLimit({ name: 'a/b' }), 'policies.p.limits.0.name expected 1 to 63'],
    ['a template without separator', withLimit({ key: '{a}{b}' }), 'policies.p.limits.0.key two placeholders need a separator'],
    ['a bad subject', { policies: { p: { subject: '', limits: [limit] } } }, 'policies.p.subject expected a template'],
    ['no limits', { policies: { p: { subject: '{a}', limits: [] } } }, 'policies.p.limits Too small'],
    ['17 limits', { policies: { p: { subject: '{a}', limits: Array.from({ length: 17 }, (_item, i) => ({ ...limit, name: `l${i}` })) } } }, 'policies.p.limits Too big'],
    ['two limits of one name', { policies: { p: { subject: '{a}', limits: [limit, limit] } } }, 'policies.p.limits.1.name limit "burst" is defined twice'],
    ['a burst that is not exact', withLimit({ rate: 999_999_937, per: '366d', burst: 999_999_937 }), 'policies.p.limits.0.burst limit_not_representable'],
    ['a rate that is not exact as its own burst', withLimit({ rate: 999_999_937, per: '366d' }), 'policies.p.limits.0.rate limit_not_representable'],
    ['an unknown store', { store: 'disk', policies: {} }, 'store expected memory or'],
    ['an address of another kind', { store: { redis: { url: 'http://r' } }, policies: {} }, 'store.redis.url expected an address such as redis://host:6379'],
    ['a single address for Sentinel', { store: { redis: { mode: 'sentinel', url: 'redis://r' } }, policies: {} }, 'store.redis.url expected an address such as redis+sentinel://'],
  ])('limiter/G1: refuses %s and says where', (_name, config, problem) => {
    expect(problemsOf(config).filter((found) => found.startsWith(problem))).toHaveLength(1);
  });
});

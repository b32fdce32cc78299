import { fakeClock, findBoundBreach, type Admission, type FakeClock } from '@tidegate/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TakenCheck } from './bucket-store.js';
import { buildLimitShape, type LimitNumbers, type LimitShape } from './limit-shape.js';
import { limiterSchema } from './limiter-schema.js';
import { createMemoryBucketStore, type MemoryBucketStore } from './memory-bucket-store.js';
import { compilePolicies, type PolicySet } from './policy-set.js';
import { prepareCheck, type PreparedCheck } from './prepare-check.js';
import { toDecision } from './to-decision.js';

interface FileLimit {
  name?: string;
  key?: string;
  rate: number;
  per: string;
  burst?: number;
  mode?: 'enforce' | 'shadow';
}

const policiesOf = (...limits: FileLimit[]): PolicySet =>
  compilePolicies(limiterSchema.parse({ policies: { p: { subject: '{client}', limits: limits.map((limit, i) => ({ name: `l${i}`, key: '{client}', ...limit })) } } }), 'v');

interface Ask {
  client?: string;
  cost?: number;
  limitCosts?: Record<string, number>;
}

const prepare = (policySet: PolicySet, { client = 'c', cost, limitCosts = {} }: Ask = {}): PreparedCheck =>
  prepareCheck(policySet, { policy: 'p', attributes: { client }, cost, limitCosts, checkId: '', timeoutMs: 0, verbose: true }) as PreparedCheck;
const decide = (store: MemoryBucketStore, prepared: PreparedCheck) => toDecision(prepared, store.takeOne(prepared) as TakenCheck, { configVersion: 'v', decisionId: 'd' });

/** A store, its clock, and a function that checks against one policy. */
const start = (...limits: FileLimit[]) => {
  const clock: FakeClock = fakeClock();
  const store = createMemoryBucketStore({ clock });
  let policySet = policiesOf(...limits);
  return {
    clock,
    store,
    ask: (ask: Ask = {}) => decide(store, prepare(policySet, ask)),
    edit: (...changed: FileLimit[]) => {
      policySet = policiesOf(...changed);
    },
  };
};

describe('all or nothing', () => {
  it('limiter/B4: a check that one limit denies charges no other', () => {
    const { ask } = start({ rate: 10, per: '1h' }, { rate: 1, per: '1h' });
    expect(ask().allowed).toBe(true);
    expect(ask().allowed).toBe(false);
    expect(ask().limits.map(({ remaining, allowed }) => ({ remaining, allowed }))).toEqual([
      { remaining: 9, allowed: true },
      { remaining: 0, allowed: false },
    ]);
  });

  it('limiter/B4: neither a denied check nor a peek makes a bucket', () => {
    const { ask, store } = start({ rate: 10, per: '1h' });
    ask({ cost: 11 });
    ask({ cost: 0 });
    expect(store.size).toBe(0);
  });

  it('limiter/B4: a bucket named twice in one check must fit the sum', () => {
    const { store } = start({ rate: 10, per: '1h' });
    const once = prepare(policiesOf({ rate: 10, per: '1h' }), { cost: 6 });
    const twice = { ...once, calls: [...once.calls, ...once.calls] };
    expect(store.takeOne(twice)).toMatchObject({ allowed: false, fits: 0b01 });
    expect(store.takeOne(once)).toMatchObject({ allowed: true });
    expect(store.size).toBe(1);
  });

  it('limiter/B15: a shadow limit never denies, and is charged only when it and every enforcing limit pass', () => {
    const { ask } = start({ rate: 5, per: '1h' }, { rate: 2, per: '1h', mode: 'shadow' });
    const seen = Array.from({ length: 6 }, () => ask());
    expect(seen.map(({ allowed }) => allowed)).toEqual([true, true, true, true, true, false]);
    expect(seen.map(({ limits }) => limits[1]?.allowed)).toEqual([true, true, false, false, false, false]);
    expect(seen.map(({ boundLimit }) => boundLimit)).toEqual(Array.from({ length: 6 }, () => 'l0'));
  });
});

describe('cost', () => {
  it('limiter/B5: up to the burst it fits a full bucket; above it never does', () => {
    const { ask } = start({ rate: 10, per: '1s', burst: 20 });
    expect(ask({ cost: 21 })).toMatchObject({ allowed: false, reason: 3, retryAfterMs: undefined, remaining: 20 });
    expect(ask({ cost: 2 ** 32 - 1 })).toMatchObject({ allowed: false, reason: 3 });
    expect(ask({ cost: 20 })).toMatchObject({ allowed: true, reason: 1, remaining: 0, resetMs: 2_000 });
  });

  it('limiter/B5: rate 0 blocks even a peek', () => {
    const { ask, store } = start({ rate: 0, per: '1s' });
    expect(ask({ cost: 0 })).toMatchObject({ allowed: false, reason: 4, retryAfterMs: undefined, remaining: 0, resetMs: 0 });
    expect(store.size).toBe(0);
  });

  it('limiter/B5: a peek tells the level, and the wait for one token', () => {
    const { ask } = start({ rate: 2, per: '1s' });
    expect(ask({ cost: 0 })).toMatchObject({ allowed: true, remaining: 2, retryAfterMs: undefined });
    ask({ cost: 2 });
    expect(ask({ cost: 0 })).toMatchObject({ allowed: true, remaining: 0, retryAfterMs: 500, resetMs: 1_000 });
  });
});

describe('time', () => {
  const numbers: fc.Arbitrary<LimitNumbers> = fc
    .record({
      rate: fc.oneof(fc.constantFrom(1, 999_983, 1_000_000), fc.integer({ min: 1, max: 1_000_000 })),
      perMs: fc.constantFrom(1_000, 60_000, 86_400_000, 366 * 86_400_000),
      burst: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 100_000 })),
    })
    // Longer waits than 100 years are told as 100 years.
    .filter((limit) => buildLimitShape(limit) !== undefined && (limit.burst * limit.perMs) / limit.rate < 90 * 366 * 86_400_000);
  const toFile = ({ rate, perMs, burst }: LimitNumbers): FileLimit => ({ rate, per: `${perMs}ms`, burst });

  it('limiter/B1: no interval of any run admits more than burst + rate * T', () => {
    const step = fc.record({ waitUs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300_000 }), fc.integer({ min: 0, max: 50_000_000 })), share: fc.double({ min: 0, max: 1, noNaN: true }) });
    fc.assert(
      fc.property(numbers, fc.array(step, { maxLength: 80 }), (limit, steps) => {
        const { ask, clock } = start(toFile(limit));
        const admissions: Admission[] = [];
        for (const { waitUs, share } of steps) {
          clock.advance(waitUs / 1_000);
          const cost = Math.ceil(limit.burst * share);
          const decision = ask({ cost });
          if (decision.allowed) admissions.push({ atUs: decision.decidedAtUs, tokens: cost });
        }
        expect(findBoundBreach(admissions, limit)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it('limiter/B2: waiting retryAfterMs always succeeds; 1 ms less fails', () => {
    fc.assert(
      fc.property(numbers, fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 999 }), (limit, share, us) => {
        const { ask, clock } = start(toFile(limit));
        ask({ cost: limit.burst });
        clock.advance(us / 1_000);
        const cost = Math.max(1, Math.floor(limit.burst * share));
        const denied = ask({ cost });
        if (denied.allowed) return;
        clock.advance((denied.retryAfterMs ?? 0) - 1);
        expect(ask({ cost }).allowed).toBe(false);
        clock.advance(1);
        expect(ask({ cost }).allowed).toBe(true);
      }),
    );
  });

  it('limiter/B2: a lone caller that spends whenever it may gets rate * T', () => {
    const { ask, clock } = start({ rate: 7, per: '1s', burst: 1 });
    let admitted = 0;
    for (let ms = 0; ms < 10_000; ms += 1) {
      if (ask().allowed) admitted += 1;
      clock.advance(1);
    }
    expect(admitted).toBeGreaterThanOrEqual(70 - 1);
  });

  it('limiter/B6: the clock going back takes nothing away, and gives nothing', () => {
    const { ask, clock } = start({ rate: 10, per: '1s', burst: 10 });
    ask({ cost: 10 });
    clock.step(-900);
    expect(ask({ cost: 0 })).toMatchObject({ remaining: 0, retryAfterMs: 1_000 });
    clock.step(900);
    expect(ask({ cost: 0 })).toMatchObject({ remaining: 0, retryAfterMs: 100 });
    clock.step(-3_600_000);
    expect(ask({ cost: 0 })).toMatchObject({ remaining: 0, retryAfterMs: 100 });
    clock.advance(500);
    expect(ask({ cost: 0 })).toMatchObject({ remaining: 5 });
  });
});

describe('a changed limit', () => {
  it('limiter/B8: keeps the level; a smaller burst cuts it, a larger one fills at the rate', () => {
    const { ask, clock, edit } = start({ rate: 10, per: '1h', burst: 100 });
    ask({ cost: 40 });
    edit({ rate: 10, per: '1h', burst: 200 });
    expect(ask({ cost: 0 })).toMatchObject({ remaining: 60 });
    edit({ rate: 10, per: '1h', burst: 50 });
    expect(ask({ cost: 0 })).toMatchObject({ remaining: 50 });
    edit({ rate: 10, per: '1h', burst: 100 });
    expect(ask({ cost: 0 })).toMatchObject({ remaining: 50 });
    clock.advance(3_600_000);
    expect(ask({ cost: 0 })).toMatchObject({ remaining: 60 });
  });

  it('limiter/B8: time since the last write refills at the lower of both rates, whichever comes first', () => {
    const slow = { rate: 1, per: '1s', burst: 100 };
    const fast = { rate: 10, per: '1s', burst: 100 };
    for (const [before, after] of [[slow, fast], [fast, slow]] as const) {
      const { ask, clock, edit } = start(before);
      ask({ cost: 100 });
      clock.advance(5_000);
      edit(after);
      expect(ask({ cost: 0 })).toMatchObject({ remaining: 5 });
    }
  });

  it('limiter/B8: blocking and unblocking a limit resets nothing', () => {
    const { ask, edit } = start({ rate: 10, per: '1h' });
    ask({ cost: 7 });
    edit({ rate: 0, per: '1h' });
    expect(ask().allowed).toBe(false);
    edit({ rate: 10, per: '1h' });
    expect(ask({ cost: 0 })).toMatchObject({ remaining: 3 });
  });

  it('limiter/B4: a bucket whose time ran out untouched is full under the current limit', () => {
    const seenAfter = (ms: number): number => {
      const { ask, clock, edit } = start({ rate: 10, per: '1s', burst: 10 });
      ask({ cost: 10 });
      edit({ rate: 10, per: '1s', burst: 1_000 });
      clock.advance(ms);
      return ask({ cost: 0 }).remaining;
    };
    expect([seenAfter(1_999), seenAfter(2_000)]).toEqual([10, 1_000]);
  });
});

describe('memory', () => {
  it('limiter/B14: buckets that are full for a second are forgotten; a million clients leave nothing behind', () => {
    const { ask, clock, store } = start({ rate: 10, per: '1s' });
    let largest = 0;
    for (let client = 0; client < 200_000; client += 1) {
      ask({ client: `c${client}` });
      if (client % 10 === 0) clock.advance(1);
      largest = Math.max(largest, store.size);
    }
    // Full again after 100 ms, forgotten 1 s later, 10 new ones a millisecond.
    expect(largest).toBeLessThanOrEqual(11_020);
    clock.advance(10_000);
    for (let client = 0; client < 12_000; client += 1) ask({ client: 'one' });
    expect(store.size).toBe(1);
  });

  it('limiter/B14: at its cap it drops buckets that are full, and refuses new keys while none is', () => {
    const clock = fakeClock();
    const store = createMemoryBucketStore({ clock, bucketsMax: 3 });
    const policySet = policiesOf({ rate: 10, per: '1s' });
    const take = (client: string, cost = 1) => store.takeOne(prepare(policySet, { client, cost }));
    take('a', 10);
    take('b', 5);
    take('c', 10);
    expect(take('d')).toBeUndefined();
    expect(take('d', 0)).toMatchObject({ allowed: true });
    expect(take('b', 5)).toMatchObject({ allowed: true });
    clock.advance(999);
    expect(take('d')).toBeUndefined();
    clock.advance(1);
    expect(take('d')).toMatchObject({ allowed: true });
    expect(take('d', 9)).toMatchObject({ allowed: true });
    expect(take('d')).toMatchObject({ allowed: false });
    expect(store.size).toBeLessThanOrEqual(3);
  });

  it('limiter/F2: a seeded bucket starts at its level, and one that is there stays', () => {
    const { ask, store } = start({ rate: 10, per: '1h' });
    const shape = buildLimitShape({ rate: 10, perMs: 3_600_000, burst: 10 }) as LimitShape;
    store.seed('tg1:{c}:p/l0:c', shape, 4 * shape.grainsPerToken);
    store.seed('tg1:{c}:p/l0:c', shape, 9 * shape.grainsPerToken);
    expect(ask({ cost: 0 })).toMatchObject({ remaining: 4 });
  });

  it('limiter/D2: decisions of one time are numbered in order', () => {
    const { ask, clock } = start({ rate: 10, per: '1s' });
    expect([ask().batchIndex, ask().batchIndex]).toEqual([0, 1]);
    clock.advance(1);
    expect(ask().batchIndex).toBe(0);
  });
});

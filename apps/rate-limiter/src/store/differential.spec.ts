import { buildLimitShape, compilePolicies, createMemoryBucketStore, prepareCheck, toDecision, type LimitNumbers, type LimitShape, type MemoryBucketStore, type PreparedCheck, type TakenCheck } from '@tidegate/rate-limit';
import { has, ReferenceBuckets, startRedis, type RedisServer, type ReferenceDecision } from '@tidegate/testkit';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRedisBucketStore, type RedisBucketStore } from './redis-bucket-store.js';

// Random programs of checks, edits, waits and clock steps on the reference model, the memory store and a real Redis
// whose script takes its time from the spec. All three are compared after every check.

interface CheckStep {
  readonly client: number;
  /** Per limit: a cost, or a share of the limit's burst. */
  readonly costs: readonly (number | { readonly burstShare: number; readonly plus: number })[];
  /** Changes one limit before this check; checks of one batch may so be of different versions. */
  readonly edit: { readonly limit: number; readonly numbers: LimitNumbers; readonly step: number } | undefined;
}

interface Batch {
  readonly moveUs: number;
  readonly checks: readonly CheckStep[];
}

interface Program {
  readonly limits: readonly { readonly numbers: LimitNumbers; readonly isShadow: boolean; readonly isShared: boolean }[];
  readonly batches: readonly Batch[];
}

const numbers: fc.Arbitrary<LimitNumbers> = fc
  .record({
    rate: fc.oneof(fc.constantFrom(0, 1, 3, 100, 999_983, 1_000_000, 1_000_000_000), fc.integer({ min: 1, max: 1_000_000_000 })),
    perMs: fc.oneof(fc.constantFrom(1, 1_000, 60_000, 86_400_000, 366 * 86_400_000), fc.integer({ min: 1, max: 366 * 86_400_000 })),
    burst: fc.oneof(fc.constantFrom(1, 2, 10), fc.integer({ min: 1, max: 1_000_000 })),
  })
  .filter((limit) => buildLimitShape(limit) !== undefined);
const cost = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 2, 2 ** 32 - 1) },
  fc.record({ burstShare: fc.constantFrom(0.25, 0.5, 1), plus: fc.constantFrom(-1, 0, 1) }),
);
const moveUs = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 999, 1_000, 99_999, 100_000, 1_000_000) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 10_000_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 400 * 86_400 }).map((s) => s * 1_000_000) },
  fc.constantFrom(-1, -500_000, -1_000_000, -1_000_001, -3_600_000_000),
);
const checkStep = fc.record({
  client: fc.integer({ min: 0, max: 2 }),
  costs: fc.array(cost, { minLength: 4, maxLength: 4 }),
  edit: fc.option(fc.record({ limit: fc.integer({ min: 0, max: 3 }), numbers, step: fc.oneof(fc.constant(20), fc.integer({ min: 1, max: 30 })) }), { nil: undefined, freq: 6 }),
});
const program: fc.Arbitrary<Program> = fc.record({
  limits: fc.array(fc.record({ numbers, isShadow: fc.boolean(), isShared: fc.boolean() }), { minLength: 1, maxLength: 4 }),
  batches: fc.array(fc.record({ moveUs, checks: fc.array(checkStep, { minLength: 1, maxLength: 6 }) }), { minLength: 1, maxLength: 25 }),
});

/** Everything that happens in one program, with the clock that all stores read. */
class Run {
  nowUs = 1_790_000_000_123_456;
  readonly shapes: LimitShape[];
  readonly memory: MemoryBucketStore;
  readonly model = new ReferenceBuckets();
  readonly #limits: Program['limits'];

  constructor({ limits }: Program) {
    this.#limits = limits;
    this.shapes = limits.map((limit) => buildLimitShape(limit.numbers) as LimitShape);
    this.memory = createMemoryBucketStore({ clock: { nowMs: () => this.nowUs / 1_000, monotonicMs: () => 0 } });
  }

  /** Moves the clock; never back over the expiry of a bucket that nothing has touched since. */
  move(us: number): void {
    if (us >= 0 || !this.model.holdsExpired(BigInt(this.nowUs))) this.nowUs += us;
  }

  prepare({ client, costs, edit }: CheckStep): PreparedCheck {
    if (edit !== undefined && edit.limit < this.shapes.length) this.shapes[edit.limit] = buildLimitShape(edit.numbers, edit.step) as LimitShape;
    const limits = this.#limits.map(({ isShadow, isShared }, index) => ({
      rate: 1,
      perMs: 1,
      burst: 1,
      name: `l${index}`,
      key: isShared ? 'all' : '{client}',
      mode: isShadow ? ('shadow' as const) : ('enforce' as const),
      unit: 'requests' as const,
    }));
    const policies = { p: { subject: '{client}', onStoreFailure: 'local' as const, partitionKey: false, limits } };
    const check = { policy: 'p', attributes: { client: `c${client}` }, cost: 1, limitCosts: {}, checkId: '', timeoutMs: 0, verbose: true };
    const prepared = prepareCheck(compilePolicies({ policies }, 'v'), check) as PreparedCheck;
    const calls = prepared.calls.map((call, index) => {
      const shape = this.shapes.at(index) as LimitShape;
      const asked = costs.at(index) as CheckStep['costs'][number];
      const tokens = typeof asked === 'number' ? asked : Math.max(0, Math.floor(shape.effectiveBurst * asked.burstShare) + asked.plus);
      return { ...call, shape, cost: tokens, isHopeless: shape.rate === 0 || tokens > shape.effectiveBurst };
    });
    return { ...prepared, calls, isHopeless: calls.some((call) => call.isHopeless && !call.limit.isShadow) };
  }

  /** What the model decides now, and what a decision says, in the same form. */
  besideModel(prepared: PreparedCheck, taken: TakenCheck): { told: ReferenceDecision; expected: ReferenceDecision } {
    const expected = this.model.decide(
      prepared.calls.map(({ key, shape, cost: tokens, limit }) => ({ key, rate: shape.rate, perMs: shape.perMs, burst: shape.burst, step: shape.step, cost: tokens, isShadow: limit.isShadow })),
      BigInt(this.nowUs),
    );
    const decision = toDecision(prepared, taken, { configVersion: 'v', decisionId: 'd' });
    const results = decision.limits.map(({ allowed, remaining, retryAfterMs, resetMs }) => ({
      fits: allowed,
      remaining: BigInt(remaining),
      retryAfterMs: retryAfterMs === undefined ? undefined : BigInt(retryAfterMs),
      resetMs: BigInt(resetMs),
    }));
    return { told: { allowed: decision.allowed, results }, expected };
  }
}

describe('memory store and reference model', () => {
  it('limiter/B14: decide every random program alike, levels, waits and resets included', () => {
    fc.assert(
      fc.property(program, (steps) => {
        const run = new Run(steps);
        for (const { moveUs: us, checks } of steps.batches) {
          run.move(us);
          for (const check of checks) {
            const prepared = run.prepare(check);
            const taken = run.memory.takeOne(prepared) as TakenCheck;
            const { told, expected } = run.besideModel(prepared, taken);
            expect(told).toEqual(expected);
          }
        }
      }),
      { numRuns: 1_500 },
    );
  });
});

describe.skipIf(!has('redis'))('script on Redis, memory store and reference model', () => {
  let server: RedisServer;
  let inspector: Redis;
  let store: RedisBucketStore;
  let nowUs = 0;

  beforeAll(async () => {
    server = await startRedis();
    inspector = new Redis(server.url);
    store = createRedisBucketStore({ mode: 'single', url: server.url, nowUs: () => nowUs });
    await vi.waitUntil(() => store.isConnected);
  });
  afterAll(async () => {
    await store.close();
    inspector.disconnect();
    await server.stop();
  });
  beforeEach(() => inspector.flushall());

  it('limiter/B14: decide every random program alike, bit for bit, and leave no key without a TTL (B10)', async () => {
    await fc.assert(
      fc.asyncProperty(program, async (steps) => {
        await inspector.flushall();
        const run = new Run(steps);
        for (const { moveUs: us, checks } of steps.batches) {
          run.move(us);
          nowUs = run.nowUs;
          const prepared = checks.map((check) => run.prepare(check));
          const onRedis = (await store.take(prepared)) as TakenCheck[];
          for (const [index, check] of prepared.entries()) {
            const inMemory = run.memory.takeOne(check) as TakenCheck;
            const { batchIndex, ...taken } = onRedis.at(index) as TakenCheck;
            expect(batchIndex).toBe(index);
            expect(taken).toEqual({ allowed: inMemory.allowed, fits: inMemory.fits, states: inMemory.states, decidedAtUs: inMemory.decidedAtUs });
            const { told, expected } = run.besideModel(check, inMemory);
            expect(told).toEqual(expected);
          }
          expect(await keysWithoutTtl(inspector)).toEqual([]);
        }
      }),
      { numRuns: 200 },
    );
  }, 60_000);
});

async function keysWithoutTtl(redis: Redis): Promise<string[]> {
  const keys = await redis.keys('*');
  const ttls = await Promise.all(keys.map((key) => redis.pttl(key)));
  return keys.filter((_key, index) => (ttls[index] ?? 0) <= 0);
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildLimitShape, compareFractions, rescale, type LimitNumbers } from './limit-shape.js';

const dayMs = 86_400_000;
const yearMs = 366 * dayMs;
const numbers: fc.Arbitrary<LimitNumbers> = fc.record({
  rate: fc.integer({ min: 0, max: 1e9 }),
  perMs: fc.integer({ min: 1, max: yearMs }),
  burst: fc.integer({ min: 1, max: 1e12 }),
});

describe('buildLimitShape', () => {
  it.each([
    ['100 a minute', { rate: 100, perMs: 60_000, burst: 100 }, { tickUs: 1, grainsPerToken: 12_000_000, grainsPerTick: 20 }],
    ['1 a day', { rate: 1, perMs: dayMs, burst: 1 }, { tickUs: 1, grainsPerToken: 20 * dayMs * 1_000, grainsPerTick: 20 }],
    ['999983 a day', { rate: 999_983, perMs: dayMs, burst: 999_983 }, { tickUs: 1_000, grainsPerToken: 20 * dayMs, grainsPerTick: 20 * 999_983 }],
    ['1,000,000 a second', { rate: 1_000_000, perMs: 1_000, burst: 1_000_000 }, { tickUs: 1, grainsPerToken: 20, grainsPerTick: 20 }],
    ['1 in 366 days, burst 900,000', { rate: 1, perMs: yearMs, burst: 900_000 }, { tickUs: 100_000, grainsPerToken: 20 * (yearMs / 100), grainsPerTick: 20 }],
    ['blocked', { rate: 0, perMs: 1, burst: 1 }, { tickUs: 1, grainsPerToken: 1, grainsPerTick: 0 }],
  ])('limiter/B7: %s', (_name, limit, expected) => {
    expect(buildLimitShape(limit)).toMatchObject(expected);
  });

  it('limiter/B7: limit_not_representable where no tick is fine enough and exact', () => {
    expect(buildLimitShape({ rate: 999_999_937, perMs: yearMs, burst: 999_999_937 })).toBeUndefined();
    expect(buildLimitShape({ rate: 1, perMs: yearMs, burst: 949_453 })).toBeDefined();
    expect(buildLimitShape({ rate: 1, perMs: yearMs, burst: 949_454 })).toBeUndefined();
  });

  it('limiter/B7: k steps of a period at the multiplier k/20 bring k/20 of its tokens, in integers below 2^53', () => {
    fc.assert(
      fc.property(numbers, fc.integer({ min: 1, max: 30 }), (limit, step) => {
        const shape = buildLimitShape(limit, step);
        if (shape === undefined) return;
        const ticks = (20n * BigInt(limit.perMs) * 1_000n) / BigInt(shape.tickUs);
        expect(ticks * BigInt(shape.tickUs)).toBe(20n * BigInt(limit.perMs) * 1_000n);
        expect(ticks * BigInt(shape.grainsPerTick)).toBe(BigInt(step) * BigInt(limit.rate) * BigInt(shape.grainsPerToken));
        expect(shape.fullGrains).toBe(shape.effectiveBurst * shape.grainsPerToken);
        expect(BigInt(shape.effectiveBurst) * BigInt(shape.grainsPerToken)).toBeLessThan(2n ** 53n);
        expect(shape.effectiveBurst).toBe(Math.max(1, Number((BigInt(limit.burst) * BigInt(step)) / 20n)));
      }),
    );
  });

  it('limiter/B8: a multiplier changes neither the tick nor the grains of a token', () => {
    fc.assert(
      fc.property(numbers, fc.integer({ min: 1, max: 30 }), (limit, step) => {
        const [plain, adjusted] = [buildLimitShape(limit), buildLimitShape(limit, step)];
        expect([adjusted?.tickUs, adjusted?.grainsPerToken]).toEqual([plain?.tickUs, plain?.grainsPerToken]);
      }),
    );
  });
});

describe('exact arithmetic', () => {
  const big = fc.oneof(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: Math.floor(2 ** 53 / 1.5) - 1 }));

  it('limiter/B8: rescale is floor(level * to / from), whatever the product', () => {
    fc.assert(
      fc.property(big, big, fc.double({ min: 0, max: 1, noNaN: true }), (from, to, part) => {
        const level = Math.floor(from * part);
        expect(BigInt(rescale(level, from, to))).toBe((BigInt(level) * BigInt(to)) / BigInt(from));
      }),
      { numRuns: 2_000 },
    );
  });

  it('limiter/B8: rescale to the same grains changes nothing', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 53 - 1 }), big, (level, grains) => rescale(level, grains, grains) === level));
  });

  it('compareFractions is the sign of the exact difference', () => {
    fc.assert(
      fc.property(fc.tuple(big, big), fc.tuple(big, big), ([a, b], [c, d]) => {
        const difference = BigInt(a) * BigInt(d) - BigInt(c) * BigInt(b);
        const sign = difference === 0n ? 0 : Number(difference > 0n) * 2 - 1;
        expect(compareFractions([a, b], [c, d])).toBe(sign);
        expect(compareFractions([a, b], [a, b])).toBe(0);
        expect(compareFractions([0, b], [c, d])).toBe(-1);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** A limit as configured: `rate` tokens per `perMs`, at most `burst` at once. */
export interface LimitNumbers {
  /** Tokens per `perMs`; 0 blocks. */
  readonly rate: number;
  readonly perMs: number;
  readonly burst: number;
}

/** A limit at one multiplier, compiled to integers below 2^53 (limiter/B7). One token is `grainsPerToken` grains. */
export interface LimitShape extends LimitNumbers {
  /** k of the multiplier k/20: 20 is unchanged, 1..30. */
  readonly step: number;
  /** Refill is counted in whole ticks of this many microseconds. */
  readonly tickUs: number;
  readonly grainsPerToken: number;
  /** Grains a tick adds at this multiplier. */
  readonly grainsPerTick: number;
  /** Burst at this multiplier, rounded down, at least 1. */
  readonly effectiveBurst: number;
  /** Level of a full bucket, in grains. */
  readonly fullGrains: number;
}

/** k of the multiplier 1. */
export const neutralStep = 20;

/** The longest wait that is told or waited for, 100 years of 365.25 days, in microseconds. Longer ones are told as this. */
export const waitUsMax = 3_155_760_000_000_000;

const ticksUs = [1, 10, 100, 1_000, 10_000, 100_000] as const;
const usPerMs = 1_000;

/**
 * Compiles a limit at multiplier step/20, with the finest tick whose numbers stay exact.
 * Undefined if no tick of up to 100 ms does (`limit_not_representable`, limiter/B7); that depends on the limit alone, not on the step.
 */
export function buildLimitShape({ rate, perMs, burst }: LimitNumbers, step = neutralStep): LimitShape | undefined {
  for (const tickUs of ticksUs) {
    const twentyPeriods = (neutralStep * perMs * usPerMs) / tickUs;
    if (!Number.isInteger(twentyPeriods)) break;
    const divisor = greatestCommonDivisor(twentyPeriods, rate);
    const grainsPerToken = twentyPeriods / divisor;
    if (1.5 * burst * grainsPerToken >= 2 ** 53) continue;
    const effectiveBurst = Math.max(1, Math.floor((burst * step) / neutralStep));
    const grainsPerTick = step * (rate / divisor);
    const fullGrains = effectiveBurst * grainsPerToken;
    return { rate, perMs, burst, step, tickUs, grainsPerToken, grainsPerTick, effectiveBurst, fullGrains };
  }
  return undefined;
}

/** Whether two shapes describe the same limit at the same multiplier. */
export function isSameShape(a: LimitShape, b: LimitShape): boolean {
  return a === b || (a.rate === b.rate && a.perMs === b.perMs && a.burst === b.burst && a.step === b.step);
}

/** Negative, zero or positive as a refills slower, as fast, or faster than b. Exact. */
export function compareRefill(a: LimitShape, b: LimitShape): number {
  return compareFractions([a.step * a.rate, a.perMs], [b.step * b.rate, b.perMs]);
}

/** A fraction of two integers from 0 to below 2^53; the denominator is not 0. */
export type Fraction = readonly [numerator: number, denominator: number];

/** The sign of a - b, exact although the cross products may exceed 2^53: both are expanded as continued fractions. */
export function compareFractions(a: Fraction, b: Fraction): number {
  let [x, p] = a;
  let [y, q] = b;
  let sign = 1;
  for (;;) {
    const whole = Math.floor(x / p);
    const other = Math.floor(y / q);
    if (whole !== other) return whole < other ? -sign : sign;
    const rest = x - whole * p;
    const otherRest = y - other * q;
    if (rest === 0 || otherRest === 0) {
      if (rest === otherRest) return 0;
      return rest === 0 ? -sign : sign;
    }
    // rest/p against otherRest/q is p/rest against q/otherRest turned round.
    [x, p, y, q] = [p, rest, q, otherRest];
    sign = -sign;
  }
}

/**
 * floor(level * to / from), exact although the product may exceed 2^53 (limiter/B8: the one rescaling formula).
 * Requires from, to < 2^53/1.5. A result of 2^53 or more is rounded, but then it is above any full bucket and cut.
 */
export function rescale(level: number, from: number, to: number): number {
  const whole = Math.floor(level / from);
  const rest = level - whole * from;
  let quotient = 0;
  let remainder = 0;
  // Horner over the bits of `to`: quotient * from + remainder = rest * (bits read so far).
  for (let bit = 2 ** 52; bit >= 1; bit /= 2) {
    quotient *= 2;
    remainder *= 2;
    if (remainder >= from) {
      quotient += 1;
      remainder -= from;
    }
    if (Math.floor(to / bit) % 2 === 1) {
      if (remainder >= from - rest) {
        quotient += 1;
        remainder -= from - rest;
      } else remainder += rest;
    }
  }
  return whole * to + quotient;
}

function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

/** One limit of a check, as the reference model takes it. */
export interface ReferenceCall {
  readonly key: string;
  readonly rate: number;
  readonly perMs: number;
  readonly burst: number;
  /** k of the multiplier k/20. */
  readonly step: number;
  readonly cost: number;
  readonly isShadow: boolean;
}

/** What the model says of one limit after the decision. */
export interface ReferenceResult {
  readonly fits: boolean;
  readonly remaining: bigint;
  /** undefined: unset. */
  readonly retryAfterMs: bigint | undefined;
  readonly resetMs: bigint;
}

export interface ReferenceDecision {
  readonly allowed: boolean;
  readonly results: readonly ReferenceResult[];
}

/** A number of tokens, as an exact fraction with a positive denominator. */
interface Tokens {
  readonly n: bigint;
  readonly d: bigint;
}

interface State {
  readonly tokens: Tokens;
  readonly stampUs: bigint;
  readonly limit: Limit;
}

interface Limit {
  readonly rate: bigint;
  readonly perUs: bigint;
  readonly burst: bigint;
  readonly step: bigint;
  readonly tickUs: bigint;
  /** The smallest part of a token that is kept. */
  readonly grainsPerToken: bigint;
  readonly effectiveBurst: bigint;
}

const oneSecondUs = 1_000_000n;
const longestWaitUs = 36_525n * 24n * 3_600n * oneSecondUs;

/**
 * The token bucket contract of the limiter in exact rational arithmetic, written from the contract alone: tokens are
 * fractions and time is microseconds, as BigInt. It shares no code with the engine, which specs compare with it step by step.
 */
export class ReferenceBuckets {
  readonly #states = new Map<string, State>();

  /** Decides one check at a time of the store's clock, all or nothing. */
  decide(calls: readonly ReferenceCall[], nowUs: bigint): ReferenceDecision {
    const before = new Map<string, State>();
    for (const call of calls) if (!before.has(call.key)) before.set(call.key, this.#bringTo(call, nowUs));
    const after = new Map(before);
    const fits = calls.map((call) => call.rate > 0 && spend(after, call));
    const allowed = calls.every((call, i) => call.isShadow || fits[i]);
    calls.forEach(({ key, cost }, i) => {
      if (allowed && fits[i] && cost > 0) this.#states.set(key, after.get(key) as State);
    });
    const results = calls.map((call, i) => describe(call, fits[i] as boolean, { state: (allowed ? after : before).get(call.key) as State, nowUs }));
    return { allowed, results };
  }

  /**
   * Whether a bucket's time has run out and nothing was charged since. A store may or may not have removed it, so a
   * clock that goes back now may or may not find it again: the contract leaves that open.
   */
  holdsExpired(nowUs: bigint): boolean {
    return [...this.#states.values()].some((state) => nowUs >= fullAt(state) + oneSecondUs);
  }

  /** The bucket under the current limit and time; stored if the limit changed or the clock went back by more than 1 s. */
  #bringTo(call: ReferenceCall, nowUs: bigint): State {
    const limit = toLimit(call);
    const full: State = { tokens: whole(limit.effectiveBurst), stampUs: nowUs, limit };
    const stored = this.#states.get(call.key);
    if (stored === undefined || call.rate === 0) return full;
    if (nowUs >= fullAt(stored) + oneSecondUs) return full;
    const wentBack = stored.stampUs - nowUs > oneSecondUs;
    const clocked = wentBack ? { ...stored, stampUs: nowUs } : stored;
    if (isSameLimit(stored.limit, limit)) {
      if (wentBack) this.#states.set(call.key, clocked);
      return refilled(clocked, { to: nowUs, at: limit, cap: limit.effectiveBurst });
    }
    const changed = changeLimit(clocked, limit, nowUs);
    this.#states.set(call.key, changed);
    return changed;
  }
}

/** Takes the cost if it is there. */
function spend(states: Map<string, State>, { key, cost }: ReferenceCall): boolean {
  const state = states.get(key) as State;
  const tokens = minus(state.tokens, whole(cost));
  if (tokens.n < 0n) return false;
  states.set(key, { ...state, tokens });
  return true;
}

function describe(call: ReferenceCall, fits: boolean, { state, nowUs }: { state: State; nowUs: bigint }): ReferenceResult {
  if (call.rate === 0) return { fits, remaining: 0n, retryAfterMs: undefined, resetMs: 0n };
  const { limit } = state;
  const remaining = state.tokens.n / state.tokens.d;
  const resetMs = waitMs(state, whole(limit.effectiveBurst), nowUs);
  let retryAfterMs: bigint | undefined;
  if (!fits && BigInt(call.cost) <= limit.effectiveBurst) retryAfterMs = waitMs(state, whole(call.cost), nowUs);
  if (fits && call.cost === 0 && remaining === 0n) retryAfterMs = waitMs(state, whole(1), nowUs);
  return { fits, remaining, retryAfterMs, resetMs };
}

function changeLimit(state: State, limit: Limit, nowUs: bigint): State {
  const cap = state.limit.effectiveBurst < limit.effectiveBurst ? state.limit.effectiveBurst : limit.effectiveBurst;
  const old = state.limit;
  const isOldSlower = old.step * old.rate * limit.perUs <= limit.step * limit.rate * old.perUs;
  const atOld = isOldSlower ? refilled(state, { to: nowUs, at: old, cap: old.effectiveBurst }) : state;
  const rescaled: State = { tokens: cutToGrains(atOld.tokens, limit), stampUs: atOld.stampUs, limit };
  // What is left of an old tick counts in the new ones.
  const atNew = refilled(rescaled, { to: nowUs, at: limit, cap });
  if (compare(atNew.tokens, whole(cap)) < 0) return atNew;
  return { tokens: whole(cap), stampUs: atNew.stampUs > nowUs ? atNew.stampUs : nowUs, limit };
}

/** Whole ticks since the stamp at the limit's rate, up to the cap; once capped the stamp is now. */
function refilled(state: State, { to, at, cap }: { to: bigint; at: Limit; cap: bigint }): State {
  if (to < state.stampUs) return state;
  const elapsedUs = ((to - state.stampUs) / at.tickUs) * at.tickUs;
  const tokens = plus(state.tokens, { n: elapsedUs * at.rate * at.step, d: at.perUs * 20n });
  if (compare(tokens, whole(cap)) >= 0) return { ...state, tokens: whole(cap), stampUs: to };
  return { ...state, tokens, stampUs: state.stampUs + elapsedUs };
}

function fullAt(state: State): bigint {
  return state.stampUs + ticksFor(state, whole(state.limit.effectiveBurst));
}

function waitMs(state: State, wanted: Tokens, nowUs: bigint): bigint {
  if (compare(state.tokens, wanted) >= 0) return 0n;
  const us = state.stampUs + ticksFor(state, wanted) - nowUs;
  const cut = us > longestWaitUs ? longestWaitUs : us;
  return cut <= 0n ? 0n : (cut + 999n) / 1_000n;
}

/** Time of the whole ticks that bring the bucket to the wanted tokens, at most 100 years. */
function ticksFor({ tokens, limit }: State, wanted: Tokens): bigint {
  const missing = minus(wanted, tokens);
  if (missing.n <= 0n) return 0n;
  const n = missing.n * limit.perUs * 20n;
  const d = missing.d * limit.rate * limit.step * limit.tickUs;
  const us = ((n + d - 1n) / d) * limit.tickUs;
  return us > longestWaitUs ? longestWaitUs : us;
}

function toLimit({ rate, perMs, burst, step }: ReferenceCall): Limit {
  const perUs = BigInt(perMs) * 1_000n;
  const scaled = (BigInt(burst) * BigInt(step)) / 20n;
  const base = { rate: BigInt(rate), perUs, burst: BigInt(burst), step: BigInt(step), effectiveBurst: scaled < 1n ? 1n : scaled };
  for (const tickUs of [1n, 10n, 100n, 1_000n, 10_000n, 100_000n]) {
    if ((20n * perUs) % tickUs !== 0n) break;
    const periods = (20n * perUs) / tickUs;
    const grainsPerToken = periods / commonDivisor(periods, BigInt(rate));
    if (3n * BigInt(burst) * grainsPerToken < 2n * 2n ** 53n) return { ...base, tickUs, grainsPerToken };
  }
  throw new RangeError('limit_not_representable');
}

function isSameLimit(a: Limit, b: Limit): boolean {
  return a.rate === b.rate && a.perUs === b.perUs && a.burst === b.burst && a.step === b.step;
}

function cutToGrains(tokens: Tokens, { grainsPerToken }: Limit): Tokens {
  return { n: (tokens.n * grainsPerToken) / tokens.d, d: grainsPerToken };
}

function commonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : commonDivisor(b, a % b);
}

function whole(count: number | bigint): Tokens {
  return { n: BigInt(count), d: 1n };
}

function plus(a: Tokens, b: Tokens): Tokens {
  const n = a.n * b.d + b.n * a.d;
  const d = a.d * b.d;
  const divisor = n === 0n ? d : commonDivisor(n < 0n ? -n : n, d);
  return { n: n / divisor, d: d / divisor };
}

function minus(a: Tokens, b: Tokens): Tokens {
  return plus(a, { n: -b.n, d: b.d });
}

function compare(a: Tokens, b: Tokens): number {
  const difference = a.n * b.d - b.n * a.d;
  if (difference === 0n) return 0;
  return difference < 0n ? -1 : 1;
}

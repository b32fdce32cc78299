import type { Check, Decision } from '@tidegate/grpc';

/** What was left of each limit when a limiter last decided for someone. */
export interface SeenLevels {
  /** Whole tokens by limit name. */
  readonly remaining: Readonly<Record<string, number>>;
  /** Monotonic ms. */
  readonly atMs: number;
}

/** Two generations of this many are remembered (limiter/F8). */
const generationMax = 10_000;

/** What recent decisions left, by policy and client: where the caller's own share starts when no limiter answers (limiter/C4). */
export class SeenLevelMemory {
  #young = new Map<string, SeenLevels>();
  #old = new Map<string, SeenLevels>();

  learn(check: Check, { limits }: Decision, atMs: number): void {
    const key = buildKey(check);
    if (key === undefined || limits.length === 0) return;
    const remaining: Record<string, number> = {};
    for (const limit of limits) remaining[limit.limit] = limit.remaining;
    if (this.#young.size >= generationMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, { remaining, atMs });
  }

  find(check: Check): SeenLevels | undefined {
    const key = buildKey(check);
    return key === undefined ? undefined : (this.#young.get(key) ?? this.#old.get(key));
  }
}

function buildKey({ policy, attributes }: Check): string | undefined {
  const who = attributes['client'] ?? attributes['address'];
  return who === undefined ? undefined : `${policy}|${who}`;
}

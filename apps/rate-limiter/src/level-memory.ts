import type { LimitShape } from '@tidegate/rate-limit';

/** A bucket's level as a reply of the store told it. */
interface SeenLevel {
  /** Grains of `shape`. */
  readonly level: number;
  readonly shape: LimitShape;
  /** When it was told; monotonic ms. */
  readonly atMs: number;
}

/** Two generations of this many buckets are remembered (limiter/F8). */
const generationMax = 50_000;

/** The last level seen of recently used buckets: where a replica's own share starts when the store goes away (limiter/F2). */
export class LevelMemory {
  #young = new Map<string, SeenLevel>();
  #old = new Map<string, SeenLevel>();

  learn(key: string, seen: SeenLevel): void {
    if (this.#young.size >= generationMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, seen);
  }

  /** The level it has by now, in grains of the shape it was seen with; undefined = not seen lately. */
  estimate(key: string, nowMs: number): { level: number; shape: LimitShape } | undefined {
    const seen = this.#young.get(key) ?? this.#old.get(key);
    if (seen === undefined) return undefined;
    const { shape } = seen;
    const ticks = Math.floor(((nowMs - seen.atMs) * 1_000) / shape.tickUs);
    return { shape, level: Math.min(shape.fullGrains, seen.level + ticks * shape.grainsPerTick) };
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}

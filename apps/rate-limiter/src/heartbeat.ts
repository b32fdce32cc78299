import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { ClientGroups } from './client-groups.js';

/** How often a replica says that it is alive, in ms (limiter/F1). */
const beatEveryMs = 1_000;

/** A replica counts for this long after its last beat, in ms (limiter/F1). */
const liveMs = 3_000;

/** A beat not answered for this long failed, in ms. */
const beatTimeoutMs = 250;

const replicasKey = 'tg1:{live}:replicas';
const script = readFileSync(new URL('./heartbeat.lua', import.meta.url), 'utf8');

interface BeatingRedis {
  tidegateHeartbeat(keys: number, ...args: (string | number)[]): Promise<number[]>;
}

export interface HeartbeatOptions {
  readonly redis: Redis;
  readonly instance: string;
  readonly groups: ClientGroups;
  /** A regular beat failed: the store may be away. */
  readonly onFailure: (reason: string) => void;
  readonly onReply: () => void;
  /** After each beat that was answered. */
  readonly onBeat: () => void;
}

/** Counts live replicas, and the instances of each client group over all of them, through the store. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: NodeJS.Timeout | undefined;
  /** Live replicas at the last answered beat; the last value stays when the store goes away (limiter/F1). */
  replicas = 1;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    options.redis.defineCommand('tidegateHeartbeat', { lua: script });
  }

  start(): void {
    this.#timer = setInterval(() => void this.#beatRegularly(), beatEveryMs).unref();
  }

  /** One beat; rejects when the store does not answer or takes no writes. */
  async beat(): Promise<void> {
    const { redis, instance, groups } = this.#options;
    const known = groups.entries();
    const keys = [replicasKey, ...known.map(([group]) => groupKey(group))];
    const members = [[instance], ...known.map(([, instances]) => instances)].flatMap((names) => [names.length, ...names]);
    const beating = redis as unknown as BeatingRedis;
    const counts = await withTimeout(beating.tidegateHeartbeat(keys.length, ...keys, liveMs, ...members));
    this.replicas = counts[0] ?? 1;
    for (const [index, [group]] of known.entries()) groups.saw(group, counts[index + 1] ?? 0);
  }

  /** Stops beating and tells the others. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await withTimeout(this.#options.redis.zrem(replicasKey, this.#options.instance)).catch(() => 0);
  }

  async #beatRegularly(): Promise<void> {
    try {
      await this.beat();
      this.#options.onReply();
      this.#options.onBeat();
    } catch (error) {
      this.#options.onFailure((error as Error).message);
    }
  }
}

function groupKey(group: string): string {
  return `tg1:{live}:group:${encodeURIComponent(group)}`;
}

function withTimeout<T>(work: Promise<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(() => reject(new Error(`no reply within ${beatTimeoutMs} ms`)), beatTimeoutMs);
  work.then(resolve, reject).finally(() => clearTimeout(timer));
  return promise;
}

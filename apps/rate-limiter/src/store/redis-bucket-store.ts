import { readFileSync } from 'node:fs';
import type { BucketStore, PreparedCheck, TakeResult } from '@tidegate/rate-limit';
import { Redis } from 'ioredis';
import { encodeBatch, decodeAnswer } from './script-codec.js';
import { toRedisOptions } from './redis-options.js';
import { StoreError, toStoreError } from './store-error.js';

/** Buckets in Redis, shared by all replicas. `take` rejects with a `StoreError`. */
export interface RedisBucketStore extends BucketStore {
  take(batch: readonly PreparedCheck[]): Promise<TakeResult[]>;
  /** Resolves if Redis answers and takes writes. Rejects with a `StoreError`. */
  probe(): Promise<void>;
  /** What Redis does when its memory is full; anything but `noeviction` can lose buckets (limiter/B10). */
  evictionPolicy(): Promise<string>;
  readonly isConnected: boolean;
}

/** Where Redis is and how to reach it. */
export interface RedisBucketStoreOptions {
  readonly mode: 'single' | 'sentinel';
  /** `redis://[user:password@]host[:port][/db]`, `rediss://...`, or `redis+sentinel://[user:password@]host[:port],.../master[/db]`. */
  readonly url: string;
  /** Tests only: a clock in place of Redis TIME, in microseconds. */
  readonly nowUs?: () => number;
  /** Told of connection errors; they are never thrown. */
  readonly onError?: (error: Error) => void;
}

/** Most checks in one script call (limiter/P3). */
export const checksPerCallMax = 64;

const reconnectMs = 50;
const scriptFile = new URL('./token-bucket.lua', import.meta.url);

interface ScriptedRedis extends Redis {
  takeTokens(keyCount: number, ...keysAndArguments: string[]): Promise<number[]>;
}

/**
 * Creates the store and starts to connect; it does not wait for Redis, so that a limiter can start degraded (limiter/F3).
 * ioredis runs the script by EVALSHA, and by EVAL on a new connection and on NOSCRIPT (limiter/B13).
 */
export function createRedisBucketStore(options: RedisBucketStoreOptions): RedisBucketStore {
  const redis = new Redis(toRedisOptions(options)) as ScriptedRedis;
  redis.defineCommand('takeTokens', { lua: readFileSync(scriptFile, 'utf8') });
  redis.on('error', (error: Error) => options.onError?.(error));
  return new ScriptStore(redis, options.nowUs);
}

class ScriptStore implements RedisBucketStore {
  readonly #redis: ScriptedRedis;
  readonly #nowUs: (() => number) | undefined;
  #reconnect: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(redis: ScriptedRedis, nowUs: (() => number) | undefined) {
    this.#redis = redis;
    this.#nowUs = nowUs;
    // ioredis gives up for good when Sentinel reports a failover while it is asking for the master: begin again.
    redis.on('end', () => {
      if (!this.#isClosed) this.#reconnect = setTimeout(() => void redis.connect().catch(() => undefined), reconnectMs);
    });
  }

  get isConnected(): boolean {
    return this.#redis.status === 'ready';
  }

  async take(batch: readonly PreparedCheck[]): Promise<TakeResult[]> {
    if (batch.length > checksPerCallMax) throw new RangeError(`more than ${checksPerCallMax} checks in one call`);
    const { keys, asks, checks } = encodeBatch(batch);
    const time = this.#nowUs === undefined ? '' : String(this.#nowUs());
    const answer = await this.#run(() => this.#redis.takeTokens(keys.length, ...keys, time, asks, checks));
    return decodeAnswer(batch, answer);
  }

  async probe(): Promise<void> {
    await this.#run(() => this.#redis.set('tg1:{probe}', '1', 'PX', 1_000));
  }

  async evictionPolicy(): Promise<string> {
    const info = await this.#run(() => this.#redis.info('memory'));
    return /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'unknown';
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#reconnect);
    this.#redis.disconnect();
  }

  async #run<T>(call: () => Promise<T>): Promise<T> {
    if (!this.isConnected) throw new StoreError('not-connected', `no connection to Redis (${this.#redis.status})`);
    try {
      return await call();
    } catch (error) {
      throw toStoreError(error);
    }
  }
}

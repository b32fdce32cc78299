import type { Logger } from '@tidegate/observability';
import { createMemoryBucketStore, type BucketStore, type StoreConfig } from '@tidegate/rate-limit';
import type { Clock } from '@tidegate/units';
import { Redis } from 'ioredis';
import { createRedisBucketStore, type RedisBucketStore } from './store/redis-bucket-store.js';
import { toRedisOptions } from './store/redis-options.js';

/** A store that other replicas use too, and may therefore be away. */
export interface SharedStore {
  readonly buckets: RedisBucketStore;
  /** A connection of its own for heartbeats, which then do not wait behind decisions. */
  readonly redis: Redis;
}

/** Where this process keeps its buckets. */
export interface OpenedStore {
  readonly buckets: BucketStore;
  /** Undefined: the buckets live in this process. */
  readonly shared: SharedStore | undefined;
  /** After this long a store call counts as unanswered, in ms; the memory store answers at once. */
  readonly timeoutMs: number;
  close(): Promise<void>;
}

/** So long a start waits for the first connection, in ms; then it goes on degraded (limiter/F3). */
const firstConnectionMs = 1_000;

/** Opens the store of the configuration; a Redis that is not there is no error. */
export async function openStore(config: StoreConfig, { clock, logger }: { clock: Clock; logger: Logger }): Promise<OpenedStore> {
  if (config.kind === 'memory') {
    const buckets = createMemoryBucketStore({ clock });
    return { buckets, shared: undefined, timeoutMs: Infinity, close: () => buckets.close() };
  }
  const onError = (err: Error): void => logger.debug({ err }, 'connection to the store');
  const buckets = createRedisBucketStore({ mode: config.mode, url: config.url, onError });
  const redis = new Redis({ ...toRedisOptions(config), replyMapping: 'legacy', connectionName: 'tidegate-limiter-heartbeat' });
  redis.on('error', onError);
  await waitForConnection(() => buckets.isConnected && redis.status === 'ready');
  const close = async (): Promise<void> => {
    redis.disconnect();
    await buckets.close();
  };
  return { buckets, shared: { buckets, redis }, timeoutMs: config.timeoutMs, close };
}

async function waitForConnection(isConnected: () => boolean): Promise<void> {
  const endMs = performance.now() + firstConnectionMs;
  while (!isConnected() && performance.now() < endMs) {
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}

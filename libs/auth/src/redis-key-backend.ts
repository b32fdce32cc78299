import { Redis } from 'ioredis';
import type { ApiKeyRecord } from './api-key.js';
import type { AuthLogger, HealthSink } from './jwks-source.js';
import { apiKeysCheck, indexByHash, parseRecord, reasonOf, type KeyBackend } from './key-backend.js';

const recordsKey = 'tg:api-keys';
const changedChannel = 'tg:api-keys:changed';
const updateTriesMax = 20;

/**
 * Keeps records in a Redis hash. Every process holds a copy: it loads all when its connection is up, and again when
 * another says over pub/sub that something changed. While Redis is away the copy stays in force.
 */
export function createRedisKeyBackend(url: string, parts: { logger: AuthLogger; health: HealthSink }): KeyBackend {
  return new RedisKeyBackend(url, parts);
}

class RedisKeyBackend implements KeyBackend {
  byHash: Map<string, ApiKeyRecord> | undefined;
  readonly #redis: Redis;
  readonly #subscriber: Redis;
  readonly #parts: { logger: AuthLogger; health: HealthSink };
  #loading: Promise<void> | undefined;
  #isChangedMeanwhile = false;
  /** Updates run one after another: WATCH belongs to the connection. */
  #lastUpdate: Promise<void> = Promise.resolve();

  constructor(url: string, parts: { logger: AuthLogger; health: HealthSink }) {
    this.#parts = parts;
    const retryStrategy = (times: number): number => Math.min(times * 50, 500);
    this.#redis = new Redis(url, { retryStrategy, connectionName: 'tidegate-api-keys' });
    this.#subscriber = new Redis(url, {
      retryStrategy,
      maxRetriesPerRequest: null,
      connectionName: 'tidegate-api-keys-changes',
    });
    for (const connection of [this.#redis, this.#subscriber]) {
      connection.on('error', (err: Error) => this.#complain(err));
    }
    this.#subscriber.on('message', () => void this.#load());
    // A notice sent while the connection was down is lost: whoever comes back reads everything.
    this.#subscriber.on('ready', () => void this.#subscribeAndLoad());
    parts.health.set(apiKeysCheck, false, 'API keys are not loaded yet');
  }

  async read(): Promise<ApiKeyRecord[]> {
    return Object.values(await this.#redis.hgetall(recordsKey)).map((text) => parseRecord(JSON.parse(text)));
  }

  update(change: (records: readonly ApiKeyRecord[]) => readonly ApiKeyRecord[]): Promise<void> {
    const update = this.#lastUpdate.then(() => this.#update(change));
    this.#lastUpdate = update.catch(() => undefined);
    return update;
  }

  async close(): Promise<void> {
    await this.#lastUpdate;
    this.#subscriber.disconnect();
    this.#redis.disconnect();
  }

  async #update(change: (records: readonly ApiKeyRecord[]) => readonly ApiKeyRecord[]): Promise<void> {
    for (let tries = 0; tries < updateTriesMax; tries += 1) {
      await this.#redis.watch(recordsKey);
      const changed = change(await this.read());
      if (changed.length === 0) {
        await this.#redis.unwatch();
        return;
      }
      const entries = changed.flatMap((record) => [record.id, JSON.stringify(record)]);
      const done = await this.#redis
        .multi()
        .hset(recordsKey, ...entries)
        .publish(changedChannel, 'changed')
        .exec();
      if (done !== null) return this.#load();
    }
    throw new Error('API keys were changed by others again and again; try once more');
  }

  /** In this order: a change between the two would be missed the other way round. */
  async #subscribeAndLoad(): Promise<void> {
    try {
      await this.#subscriber.subscribe(changedChannel);
    } catch (err) {
      this.#complain(err);
    }
    await this.#load();
  }

  /** Reads all records; one read at a time, and one more when a change came meanwhile. */
  #load(): Promise<void> {
    if (this.#loading !== undefined) {
      this.#isChangedMeanwhile = true;
      return this.#loading;
    }
    this.#loading = this.#readUntilUnchanged().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #readUntilUnchanged(): Promise<void> {
    try {
      do {
        this.#isChangedMeanwhile = false;
        this.byHash = indexByHash(await this.read());
      } while (this.#isChangedMeanwhile);
      this.#parts.health.set(apiKeysCheck, true);
    } catch (err) {
      this.#complain(err);
    }
  }

  #complain(err: unknown): void {
    const reason = `API keys cannot be read from Redis: ${reasonOf(err)}`;
    if (this.byHash === undefined) this.#parts.health.set(apiKeysCheck, false, reason);
    this.#parts.logger.warn({}, this.byHash === undefined ? reason : `${reason}; the last ones stay in force`);
  }
}

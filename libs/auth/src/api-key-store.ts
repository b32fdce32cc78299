import type { Clock } from '@tidegate/units';
import { hashApiKey, isInForce, newApiKey, type ApiKeyRecord, type ApiKeyRequest, type NewApiKey } from './api-key.js';
import type { AuthLogger, HealthSink } from './jwks-source.js';
import { createFileKeyBackend } from './file-key-backend.js';
import type { KeyBackend } from './key-backend.js';
import { createRedisKeyBackend } from './redis-key-backend.js';
import { KeysUnavailableError } from './token-error.js';

/** API keys of all consumers (gateway/A4). Looking one up needs no I/O; a change is in force in every process within 1 s. */
export interface ApiKeyStore {
  /** The record of a key, in force or not. Undefined: there is none. Throws a KeysUnavailableError before the first load. */
  find(key: string): ApiKeyRecord | undefined;
  /** All records as they are now, oldest first. */
  list(): Promise<ApiKeyRecord[]>;
  create(request: ApiKeyRequest): Promise<NewApiKey>;
  /** Makes a key in place of another; the old one stays good for `overlapMs`, or less if it was to expire before. Undefined: no such key is in force. */
  rotate(id: string, overlapMs: number): Promise<NewApiKey | undefined>;
  /** Ends a key now. False: there is no such key. */
  revoke(id: string): Promise<boolean>;
  close(): Promise<void>;
}

/** Where keys are kept: a file where there is one gateway process, or the Redis all replicas share. */
export type ApiKeyPlace = { readonly file: string } | { readonly redis: { readonly url: string } };

/** What a store works with. */
export interface ApiKeyStoreOptions {
  readonly place: ApiKeyPlace;
  readonly clock: Clock;
  readonly logger: AuthLogger;
  readonly health: HealthSink;
}

/** Opens the store; it loads in the background, and the health check `api-keys` says whether it is there. */
export function createApiKeyStore({ place, clock, logger, health }: ApiKeyStoreOptions): ApiKeyStore {
  const backend =
    'file' in place
      ? createFileKeyBackend(place.file, { logger, health })
      : createRedisKeyBackend(place.redis.url, { logger, health });
  return {
    find(key) {
      if (backend.byHash === undefined) throw new KeysUnavailableError('API keys are not loaded yet');
      return backend.byHash.get(hashApiKey(key));
    },
    list: async () => (await backend.read()).toSorted((a, b) => a.createdAtMs - b.createdAtMs),
    async create(request) {
      const made = newApiKey(request, clock.nowMs());
      await backend.update(() => [made.record]);
      return made;
    },
    rotate: (id, overlapMs) => rotate(backend, id, { overlapMs, nowMs: clock.nowMs() }),
    async revoke(id) {
      let isFound = false;
      await backend.update((records) => {
        const record = records.find((each) => each.id === id);
        isFound = record !== undefined;
        return record === undefined ? [] : [{ ...record, revokedAtMs: record.revokedAtMs ?? clock.nowMs() }];
      });
      return isFound;
    },
    close: () => backend.close(),
  };
}

async function rotate(
  backend: KeyBackend,
  id: string,
  { overlapMs, nowMs }: { overlapMs: number; nowMs: number },
): Promise<NewApiKey | undefined> {
  let made: NewApiKey | undefined;
  await backend.update((records) => {
    const old = records.find((record) => record.id === id);
    if (old === undefined || !isInForce(old, nowMs)) return [];
    const { consumer, plan, scopes, expiresAtMs } = old;
    made = newApiKey({ consumer, plan, scopes, expiresAtMs }, nowMs);
    return [
      {
        ...old,
        expiresAtMs: Math.min(expiresAtMs ?? Number.POSITIVE_INFINITY, nowMs + overlapMs),
        replacedBy: made.record.id,
      },
      made.record,
    ];
  });
  return made;
}

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '@tidegate/fault';
import { fakeClock, has, startRedis, waitUntil, type RedisServer } from '@tidegate/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  authSchema,
  createApiKeyStore,
  createAuthenticator,
  toServiceFields,
  type ApiKeyPlace,
  type ApiKeyStore,
  type AuthLogger,
  type AuthOutcome,
} from './index.js';
import { isApiKey } from './api-key.js';

const silent = { info: () => undefined, warn: () => undefined };
const health = { set: () => undefined };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const clock = fakeClock();
function open(place: ApiKeyPlace, logger: AuthLogger = silent): ApiKeyStore {
  const store = createApiKeyStore({ place, clock, logger, health });
  cleanups.push(() => store.close());
  return store;
}

function newFile(): { file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-keys-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return { file: join(folder, 'sub', 'keys.json') };
}

const found = (store: ApiKeyStore, key: string): boolean => {
  try {
    return store.find(key) !== undefined;
  } catch {
    return false;
  }
};
const acme = { consumer: 'acme', scopes: ['orders:read'] };

describe('gateway/A4 the key itself', () => {
  it('gateway/A4: is tg_live_, 32 random bytes and a checksum; a typing error shows without a look-up', async () => {
    const { key } = await open(newFile()).create(acme);
    expect(key).toMatch(/^tg_live_[A-Za-z0-9_-]{49}$/);
    expect(isApiKey(key)).toBe(true);
    for (let at = 8; at < key.length; at += 1) {
      const changed = key.slice(0, at) + (key[at] === 'a' ? 'b' : 'a') + key.slice(at + 1);
      expect(isApiKey(changed)).toBe(false);
    }
    for (const text of ['', 'tg_live_', key.slice(0, -1), `${key}a`, key.replace('live', 'test')])
      expect(isApiKey(text)).toBe(false);
  });
});

describe.each(['file', 'redis'] as const)('gateway/A4 keys in %s', (kind) => {
  const isOff = kind === 'redis' && !has('redis');
  let redis: RedisServer | undefined;
  let database = 0;
  beforeAll(async () => {
    if (kind === 'redis' && !isOff) redis = await startRedis();
  });
  afterAll(() => redis?.stop());
  const newPlace = (): ApiKeyPlace => {
    if (kind === 'file') return newFile();
    database += 1;
    return { redis: { url: `${redis?.url}/${database}` } };
  };

  it.skipIf(isOff)(
    'gateway/A4: a key made by one process is in force in another soon, and a revoked one is not',
    async () => {
      const place = newPlace();
      const [gateway, cli] = [open(place), open(place)];
      const { key, record } = await cli.create({ ...acme, plan: 'gold' });
      await waitUntil('the key is in force', () => Promise.resolve(found(gateway, key)));
      expect(gateway.find(key)).toEqual(record);
      expect(await cli.revoke(record.id)).toBe(true);
      await waitUntil('the key is revoked', () => Promise.resolve(gateway.find(key)?.revokedAtMs !== undefined));
      expect(await cli.revoke('k_unknown')).toBe(false);
    },
  );

  it.skipIf(isOff)('gateway/A4: rotating makes a second key; the old one goes on for the overlap', async () => {
    const store = open(newPlace());
    const old = await store.create(acme);
    const fresh = await store.rotate(old.record.id, 60_000);
    expect(fresh?.record).toMatchObject(acme);
    expect(store.find(old.key)).toMatchObject({ replacedBy: fresh?.record.id, expiresAtMs: clock.nowMs() + 60_000 });
    expect(found(store, fresh?.key ?? '')).toBe(true);
    await store.revoke(old.record.id);
    expect(await store.rotate(old.record.id, 0)).toBeUndefined();
    expect(new Set((await store.list()).map(({ id }) => id))).toEqual(new Set([old.record.id, fresh?.record.id]));
  });

  it.skipIf(isOff)('gateway/A4: many writers at once lose no key', async () => {
    const place = newPlace();
    const stores = [open(place), open(place), open(place)];
    const made = await Promise.all(Array.from({ length: 12 }, (_, at) => stores[at % 3]?.create(acme)));
    const ids = (await open(place).list()).map(({ id }) => id);
    expect(ids.sort()).toEqual(made.map((each) => each?.record.id).sort());
  });

  it.skipIf(isOff)('gateway/A4: the key itself is kept nowhere', async () => {
    const place = newPlace();
    const store = open(place);
    const { key } = await store.create(acme);
    const kept = 'file' in place ? readFileSync(place.file, 'utf8') : JSON.stringify(await store.list());
    expect(kept).not.toContain(key.slice(8, 40));
  });
});

describe('gateway/A4 the file', () => {
  it('gateway/A4: is for its owner only, and a broken one leaves the last keys in force', async () => {
    const place = newFile();
    const warnings: string[] = [];
    const store = open(place, { ...silent, warn: (_details, message) => warnings.push(message) });
    const { key } = await store.create(acme);
    expect(statSync(place.file).mode & 0o777).toBe(0o600);
    writeFileSync(place.file, '{ broken');
    await waitUntil('it is read', () => warnings.find((message) => message.endsWith('the last ones stay in force')));
    expect(found(store, key)).toBe(true);
    await expect(store.create(acme)).rejects.toThrow(/JSON/);
  });
});

describe.skipIf(!has('redis'))('gateway/A4 Redis away', () => {
  it('gateway/A4: known keys stay in force while Redis is down, and changes are seen when it is back', async () => {
    const redis = await startRedis();
    cleanups.push(() => redis.stop());
    const place = { redis: { url: redis.url } };
    const [gateway, cli] = [open(place), open(place)];
    const { key } = await cli.create(acme);
    await waitUntil('the key is in force', () => Promise.resolve(found(gateway, key)));
    await redis.kill();
    expect(found(gateway, key)).toBe(true);
    await redis.restart();
    const fresh = await cli.create(acme);
    await waitUntil('the new key is in force', () => Promise.resolve(found(gateway, fresh.key)));
  });

  it('gateway/A4: not ready, with the reason, before the first load', async () => {
    const said: (string | undefined)[] = [];
    const store = createApiKeyStore({
      place: { redis: { url: 'redis://127.0.0.1:1' } },
      clock,
      logger: silent,
      health: { set: (_check, _ok, reason) => said.push(reason) },
    });
    cleanups.push(() => store.close());
    await waitUntil('a reason', () => Promise.resolve(said.length > 1));
    expect(said.at(-1)).toMatch(/^API keys cannot be read from Redis: .*ECONNREFUSED/);
    expect(() => store.find('x')).toThrow('not loaded yet');
  });
});

describe('gateway/A4 in a request', () => {
  const rule = { providers: ['keys'], optional: false };
  async function setUp(): Promise<{ store: ApiKeyStore; ask: (fields: string[]) => Promise<AuthOutcome> }> {
    const store = open(newFile());
    await waitUntil('the store is loaded', () => Promise.resolve(!throws(() => store.find('x'))));
    const auth = createAuthenticator({
      auth: authSchema.parse({ providers: { keys: { type: 'apiKey', header: 'X-API-Key' } } }),
      consumers: { acme: { plan: 'gold' } },
      apiKeys: store,
      clock,
      logger: silent,
      health,
    });
    return { store, ask: async (fields) => auth.authenticate(rule, { fields, query: '' }) };
  }
  const refusal = async (asked: Promise<unknown>): Promise<string> => {
    const fault: unknown = await asked.catch((err: unknown) => err);
    return fault instanceof Fault ? `${fault.status} ${fault.details.fields?.join(' ')}` : 'let in';
  };

  it('gateway/A4: from its header or Authorization: ApiKey, with consumer, plan and scopes; dropped for the service', async () => {
    const { store, ask } = await setUp();
    const { key, record } = await store.create(acme);
    const principal = {
      kind: 'api-key',
      id: record.id,
      consumer: 'acme',
      plan: 'gold',
      scopes: ['orders:read'],
      roles: [],
      claims: {},
    };
    const fields = ['a', '1', 'x-api-key', key];
    const outcome = await ask(fields);
    expect(outcome.principal).toEqual(principal);
    expect(toServiceFields(fields, outcome, undefined)).toEqual(['a', '1']);
    expect(toServiceFields(fields, outcome, true)).toBe(fields);
    expect((await ask(['authorization', `ApiKey ${key}`])).principal).toEqual(principal);
    const owned = await store.create({ ...acme, plan: 'silver' });
    expect((await ask(['x-api-key', owned.key])).principal.plan).toBe('silver');
  });

  it('gateway/A4: unknown, mistyped, expired and revoked keys are 401; two are 400', async () => {
    const { store, ask } = await setUp();
    const { key, record } = await store.create({ ...acme, expiresAtMs: clock.nowMs() + 1_000 });
    const bad =
      '401 www-authenticate ApiKey realm="tidegate", error="invalid_token", error_description="The API key is not valid"';
    expect(await refusal(ask([]))).toBe('401 www-authenticate ApiKey realm="tidegate"');
    for (const wrong of ['', 'x', `${key}x`, key.toLowerCase()]) expect(await refusal(ask(['x-api-key', wrong]))).toBe(bad);
    expect(await refusal(ask(['x-api-key', key, 'authorization', `ApiKey ${key}`]))).toMatch(/^400 /);
    expect(await refusal(ask(['x-api-key', key]))).toBe('let in');
    clock.advance(1_000);
    expect(await refusal(ask(['x-api-key', key]))).toBe(bad);
    const other = await store.create(acme);
    await store.revoke(other.record.id);
    expect(await refusal(ask(['x-api-key', other.key]))).toBe(bad);
    expect(record.id).toMatch(/^k_/);
  });
});

const throws = (work: () => unknown): boolean => {
  try {
    work();
    return false;
  } catch {
    return true;
  }
};

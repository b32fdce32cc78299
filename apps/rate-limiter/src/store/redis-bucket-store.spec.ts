import { compilePolicies, limiterSchema, prepareCheck, toDecision, type PolicySet, type PreparedCheck, type TakenCheck } from '@tidegate/rate-limit';
import { findBoundBreach, freePort, has, startRedis, type Admission, type RedisServer } from '@tidegate/testkit';
import { Redis } from 'ioredis';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRedisBucketStore, type RedisBucketStore } from './redis-bucket-store.js';
import { StoreError, type StoreErrorKind } from './store-error.js';

interface FileLimit {
  key?: string;
  rate: number;
  per: string;
  burst?: number;
}

const policiesOf = (...limits: FileLimit[]): PolicySet =>
  compilePolicies(limiterSchema.parse({ policies: { p: { subject: '{client}', limits: limits.map((limit, i) => ({ name: `l${i}`, key: '{client}', ...limit })) } } }), 'v');
const prepare = (policySet: PolicySet, client = 'c', cost = 1): PreparedCheck =>
  prepareCheck(policySet, { policy: 'p', attributes: { client }, cost, limitCosts: {}, checkId: '', timeoutMs: 0, verbose: true }) as PreparedCheck;
const takeAll = async (store: RedisBucketStore, checks: readonly PreparedCheck[]): Promise<TakenCheck[]> => (await store.take(checks)) as TakenCheck[];
const takeOne = async (store: RedisBucketStore, check: PreparedCheck): Promise<TakenCheck> => (await takeAll(store, [check])).at(0) as TakenCheck;
const remainingOf = async (store: RedisBucketStore, policySet: PolicySet, client = 'c'): Promise<number> => {
  const peek = prepare(policySet, client, 0);
  return toDecision(peek, await takeOne(store, peek), { configVersion: '', decisionId: '' }).remaining;
};
/** How a call failed; 'none' if it did not. */
const failureOf = async (call: Promise<unknown>): Promise<StoreErrorKind | 'none' | 'other'> =>
  call.then(
    () => 'none' as const,
    (error: unknown) => (error instanceof StoreError ? error.kind : 'other'),
  );
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe.skipIf(!has('redis'))('redis bucket store', () => {
  let server: RedisServer;
  let inspector: Redis;
  const open: RedisBucketStore[] = [];
  const openStore = async (url = server.url): Promise<RedisBucketStore> => {
    const store = createRedisBucketStore({ mode: 'single', url });
    open.push(store);
    await vi.waitUntil(() => store.isConnected);
    return store;
  };

  beforeAll(async () => {
    server = await startRedis();
    inspector = new Redis(server.url);
    inspector.on('error', () => undefined);
  });
  afterAll(async () => {
    inspector.disconnect();
    await server.stop();
  });
  beforeEach(() => inspector.flushall());
  afterEach(async () => {
    for (const store of open.splice(0)) await store.close();
  });

  describe('exactness', () => {
    it.each([1, 2, 8, 64, 512])('limiter/T5: %i callers on four connections admit exactly the burst, over all limits or none', async (callers) => {
      const stores = await Promise.all([openStore(), openStore(), openStore(), openStore()]);
      const policySet = policiesOf({ rate: 1, per: '366d', burst: 300 }, { rate: 1, per: '366d', burst: 1_000 });
      let admitted = 0;
      const call = async (caller: number): Promise<void> => {
        const store = stores.at(caller % 4) as RedisBucketStore;
        for (let left = Math.ceil(700 / callers); left > 0; left -= 1) if ((await takeOne(store, prepare(policySet))).allowed) admitted += 1;
      };
      await Promise.all(Array.from({ length: callers }, (_caller, index) => call(index)));
      expect(admitted).toBe(300);
      const peek = prepare(policySet, 'c', 0);
      const { limits } = toDecision(peek, await takeOne(stores[0], peek), { configVersion: '', decisionId: '' });
      expect(limits.map(({ remaining }) => remaining)).toEqual([0, 700]);
    });

    it('limiter/B1: no interval of a run on mixed keys admits more than burst + rate * T', async () => {
      const stores = await Promise.all([openStore(), openStore()]);
      const policySet = policiesOf({ rate: 300, per: '1s', burst: 20 });
      const log: { client: string; atUs: number; batchIndex: number }[] = [];
      const endMs = Date.now() + 1_000;
      const call = async (lane: number): Promise<void> => {
        while (Date.now() < endMs) {
          const clients = Array.from({ length: 1 + (lane % 64) }, (_check, index) => `c${(lane + index) % 3}`);
          const taken = await takeAll(stores.at(lane % 2) as RedisBucketStore, clients.map((client) => prepare(policySet, client)));
          taken.forEach(({ allowed, decidedAtUs, batchIndex }, index) => allowed && log.push({ client: clients.at(index) as string, atUs: decidedAtUs, batchIndex }));
        }
      };
      await Promise.all(Array.from({ length: 16 }, (_lane, index) => call(index * 5)));
      const admissionsOf = (wanted: string): Admission[] =>
        log.filter(({ client }) => client === wanted).sort((a, b) => a.atUs - b.atUs || a.batchIndex - b.batchIndex).map(({ atUs }) => ({ atUs, tokens: 1 }));
      for (const client of ['c0', 'c1', 'c2']) {
        expect(admissionsOf(client).length).toBeGreaterThan(250);
        expect(findBoundBreach(admissionsOf(client), { rate: 300, perMs: 1_000, burst: 20 })).toBeUndefined();
      }
    });

    it('limiter/B3: a key that stands many times in a batch is charged in order of arrival', async () => {
      const store = await openStore();
      const policySet = policiesOf({ rate: 1, per: '1d', burst: 10 });
      const taken = await takeAll(store, Array.from({ length: 64 }, () => prepare(policySet)));
      expect(taken.map(({ allowed }) => allowed)).toEqual(Array.from({ length: 64 }, (_check, index) => index < 10));
      expect(new Set(taken.map(({ decidedAtUs }) => decidedAtUs)).size).toBe(1);
      expect(taken.map(({ batchIndex }) => batchIndex)).toEqual(taken.map((_check, index) => index));
    });

    it('limiter/B4: a bucket named twice in one check must fit the sum', async () => {
      const store = await openStore();
      const once = prepare(policiesOf({ rate: 10, per: '1d' }), 'c', 6);
      expect(await takeOne(store, { ...once, calls: [...once.calls, ...once.calls] })).toMatchObject({ allowed: false, fits: 0b01 });
      expect(await takeOne(store, once)).toMatchObject({ allowed: true });
    });

    it('limiter/B3: 64 checks of 16 limits each fit in one call', async () => {
      const store = await openStore();
      const policySet = policiesOf(...Array.from({ length: 16 }, (_limit, i) => ({ rate: 10 + i, per: '1d', ...(i % 2 === 0 ? { key: 'all' } : {}) })));
      const taken = await takeAll(store, Array.from({ length: 64 }, (_check, i) => prepare(policySet, `c${i}`)));
      expect(taken.filter(({ allowed }) => allowed)).toHaveLength(10);
      expect(taken[9]?.fits).toBe(0xffff);
      expect(taken[10]?.fits).toBe(0xfffe);
    });

    it('limiter/B3: a call without buckets is answered too', async () => {
      const store = await openStore();
      expect(await takeOne(store, prepare(policiesOf({ rate: 0, per: '1s' })))).toMatchObject({ allowed: false, fits: 0 });
      expect(await store.take([])).toEqual([]);
    });
  });

  describe('what is stored', () => {
    const dumpAll = async (): Promise<Record<string, string>> => {
      const keys = (await inspector.keys('*')).sort();
      const dumps = await Promise.all(keys.map(async (key) => `${(await inspector.dumpBuffer(key))?.toString('hex')} until ${await inspector.pexpiretime(key)}`));
      return Object.fromEntries(keys.map((key, index) => [key, dumps.at(index) as string]));
    };

    it('limiter/B4: denied checks and peeks leave a byte-identical Redis', async () => {
      const store = await openStore();
      const policySet = policiesOf({ rate: 50, per: '1m', burst: 100 }, { rate: 10, per: '1m' }, { key: 'all', rate: 60, per: '1m' });
      await takeAll(store, Array.from({ length: 10 }, () => prepare(policySet)));
      const before = await dumpAll();
      expect(Object.keys(before)).toHaveLength(3);
      for (let round = 0; round < 20; round += 1) {
        await sleep(2);
        const denied = await takeAll(store, [prepare(policySet), prepare(policySet, 'new', 1_000), prepare(policySet, 'c', 0), prepare(policySet, 'new', 0)]);
        expect(denied.map(({ allowed }) => allowed)).toEqual([false, false, true, true]);
      }
      expect(await dumpAll()).toEqual(before);
    });

    it('limiter/B10: a key lives until its bucket is full and 1 s longer, and none is left after idling', async () => {
      const store = await openStore();
      await takeAll(store, [prepare(policiesOf({ rate: 100, per: '1s' }, { rate: 1, per: '1m' }))]);
      expect(await inspector.pttl('tg1:{c}:p/l0:c')).toBeWithin(900, 1_012);
      expect(await inspector.pttl('tg1:{c}:p/l1:c')).toBeWithin(60_800, 61_002);
      await vi.waitUntil(async () => (await inspector.dbsize()) === 1, { timeout: 3_000, interval: 100 });
    });

    it('limiter/B11: at most 256 bytes of Redis per bucket with a key of 64 bytes, all overhead included', async () => {
      const store = await openStore();
      const policySet = policiesOf({ rate: 7, per: '1d', burst: 999_983 });
      // tg1:{} and :p/l0: are 12 bytes; the client stands twice.
      const clientOf = (index: number): string => `${'client-'.padEnd(21, 'x')}${String(index).padStart(5, '0')}`;
      await takeOne(store, prepare(policySet, clientOf(0)));
      const usedMemory = async (): Promise<number> => Number(/^used_memory:(\d+)/m.exec(await inspector.info('memory'))?.[1]);
      const before = await usedMemory();
      const count = 30_000;
      for (let start = 1; start <= count; start += 60) await takeAll(store, Array.from({ length: 60 }, (_check, i) => prepare(policySet, clientOf(start + i))));
      const key = `tg1:{${clientOf(7)}}:p/l0:${clientOf(7)}`;
      expect(key).toHaveLength(64);
      expect(await inspector.memory('USAGE', key)).toBeLessThanOrEqual(256);
      expect(((await usedMemory()) - before) / count).toBeLessThanOrEqual(256);
    });
  });

  describe('the script on the server', () => {
    it('limiter/B13: SCRIPT FLUSH under load fails no check and admits no token more', async () => {
      const stores = await Promise.all([openStore(), openStore()]);
      const policySet = policiesOf({ rate: 1, per: '366d', burst: 500 });
      let admitted = 0;
      const call = async (lane: number): Promise<void> => {
        for (let left = 100; left > 0; left -= 1) if ((await takeOne(stores.at(lane % 2) as RedisBucketStore, prepare(policySet))).allowed) admitted += 1;
      };
      const flush = async (): Promise<void> => {
        for (let left = 30; left > 0; left -= 1) {
          await inspector.script('FLUSH');
          await sleep(1);
        }
      };
      await Promise.all([flush(), ...Array.from({ length: 12 }, (_lane, index) => call(index))]);
      expect(admitted).toBe(500);
    });

    it('limiter/B10: tells what Redis does when its memory is full', async () => {
      expect(await (await openStore()).evictionPolicy()).toBe('noeviction');
    });
  });

  describe('failures', () => {
    const policySet = policiesOf({ rate: 1, per: '366d', burst: 100 });

    it('limiter/F3: no Redis at start: not connected, at once; it connects when Redis comes', async () => {
      const own = await startRedis();
      await own.kill();
      const store = createRedisBucketStore({ mode: 'single', url: own.url });
      open.push(store);
      expect(await failureOf(store.take([prepare(policySet)]))).toBe('not-connected');
      expect(await failureOf(store.probe())).toBe('not-connected');
      await sleep(200);
      await own.restart();
      await vi.waitUntil(async () => (await failureOf(store.take([prepare(policySet)]))) === 'none', { timeout: 1_000, interval: 20 });
      await own.stop();
    });

    it('limiter/F3: killed and started again, it decides within 1 s', async () => {
      const own = await startRedis();
      const store = await openStore(own.url);
      await takeOne(store, prepare(policySet));
      await own.kill();
      await vi.waitUntil(() => !store.isConnected);
      expect(await failureOf(store.take([prepare(policySet)]))).toBe('not-connected');
      await own.restart();
      const backAt = Date.now();
      await vi.waitUntil(() => store.isConnected, { timeout: 5_000, interval: 10 });
      expect(await failureOf(store.take([prepare(policySet)]))).toBe('none');
      expect(Date.now() - backAt).toBeLessThan(1_000);
      await store.close();
      await own.stop();
    });

    it('limiter/F3: a demoted Redis (READONLY) executed nothing; decisions resume within 1 s of its promotion', async () => {
      const own = await startRedis();
      const store = await openStore(own.url);
      const operator = new Redis(own.url);
      await takeOne(store, prepare(policySet));
      await operator.replicaof('127.0.0.1', await freePort());
      expect(await failureOf(store.take([prepare(policySet)]))).toBe('not-executed');
      expect(await failureOf(store.probe())).not.toBe('none');
      await operator.replicaof('NO', 'ONE');
      await vi.waitUntil(async () => (await failureOf(store.take([prepare(policySet)]))) === 'none', { timeout: 1_000, interval: 20 });
      expect(await remainingOf(store, policySet)).toBe(98);
      operator.disconnect();
      await store.close();
      await own.stop();
    });

    it('limiter/F3: a full Redis (OOM) charged nothing', async () => {
      const own = await startRedis(['--maxmemory', '3mb']);
      const store = await openStore(own.url);
      const operator = new Redis(own.url);
      await takeOne(store, prepare(policySet));
      await operator.config('SET', 'maxmemory', '1mb');
      expect(await failureOf(store.take([prepare(policySet), prepare(policySet, 'other')]))).toBe('not-executed');
      await operator.config('SET', 'maxmemory', '0');
      expect([await remainingOf(store, policySet), await remainingOf(store, policySet, 'other')]).toEqual([99, 100]);
      operator.disconnect();
      await store.close();
      await own.stop();
    });

    it('limiter/F3: a call whose connection is cut while it runs is never sent again', async () => {
      const cut = await startCuttingProxy(server.port);
      const store = await openStore(`redis://127.0.0.1:${cut.port}`);
      await takeOne(store, prepare(policySet));
      for (let round = 1; round <= 5; round += 1) {
        await vi.waitUntil(() => store.isConnected, { interval: 5 });
        cut.cutAtNextReply();
        expect(await failureOf(store.take([prepare(policySet)]))).toBe('unknown-outcome');
        await vi.waitUntil(() => store.isConnected, { interval: 5 });
        await sleep(50);
        expect(await remainingOf(store, policySet)).toBe(99 - round);
      }
      await store.close();
      await cut.close();
    });
  });
});

expect.extend({
  toBeWithin: (value: number, low: number, high: number) => ({ pass: value >= low && value <= high, message: () => `expected ${value} to be between ${low} and ${high}` }),
});
declare module 'vitest' {
  interface Matchers {
    toBeWithin(low: number, high: number): void;
  }
}

/** A proxy to Redis that, when told, drops the connection in place of passing on the next reply: the call has run. */
async function startCuttingProxy(target: number): Promise<{ port: number; cutAtNextReply(): void; close(): Promise<void> }> {
  let isCutting = false;
  const sockets = new Set<Socket>();
  const proxy: Server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    sockets.add(client).add(upstream);
    client.on('data', (data) => upstream.write(data));
    upstream.on('data', (data) => {
      if (!isCutting) client.write(data);
      else {
        isCutting = false;
        client.destroy();
        upstream.destroy();
      }
    });
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
    client.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    port: (proxy.address() as AddressInfo).port,
    cutAtNextReply: () => {
      isCutting = true;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        proxy.close(() => resolve());
      }),
  };
}

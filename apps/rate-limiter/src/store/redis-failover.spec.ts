import { compilePolicies, limiterSchema, prepareCheck, type PreparedCheck, type TakenCheck } from '@tidegate/rate-limit';
import { findRedisServer, freePort, has, startProcess, startRedis, type RedisServer, type RunningProcess } from '@tidegate/testkit';
import { Redis } from 'ioredis';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createRedisBucketStore, type RedisBucketStore } from './redis-bucket-store.js';

const policySet = compilePolicies(limiterSchema.parse({ policies: { p: { subject: '{client}', limits: [{ name: 'l', key: '{client}', rate: 1, per: '366d', burst: 100 }] } } }), 'v');
const check = prepareCheck(policySet, { policy: 'p', attributes: { client: 'c' }, cost: 1, limitCosts: {}, checkId: '', timeoutMs: 0, verbose: false }) as PreparedCheck;

describe.skipIf(!has('redis'))('redis bucket store behind Sentinel', () => {
  let master: RedisServer;
  let replica: RedisServer;
  let sentinel: RunningProcess;
  let operator: Redis;
  let watch: Redis;
  let store: RedisBucketStore;
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-sentinel-'));

  beforeAll(async () => {
    master = await startRedis(['--repl-diskless-sync-delay', '0']);
    replica = await startRedis(['--replicaof', '127.0.0.1', String(master.port)]);
    operator = new Redis(replica.url);
    await vi.waitUntil(async () => (await operator.info('replication')).includes('master_link_status:up'), { timeout: 10_000 });
    const port = await freePort();
    const file = join(folder, 'sentinel.conf');
    writeFileSync(file, `port ${port}\nsentinel monitor main 127.0.0.1 ${master.port} 1\nsentinel down-after-milliseconds main 300\nsentinel failover-timeout main 3000\n`);
    sentinel = startProcess(findRedisServer() as string, [file, '--sentinel']);
    store = createRedisBucketStore({ mode: 'sentinel', url: `redis+sentinel://127.0.0.1:${port}/main` });
    await vi.waitUntil(() => store.isConnected, { timeout: 10_000 });
    watch = new Redis({ port });
    await vi.waitUntil(async () => (await watch.info('sentinel')).includes('slaves=1'), { timeout: 15_000, interval: 100 });
  });
  afterAll(async () => {
    await store.close();
    operator.disconnect();
    watch.disconnect();
    await sentinel.stop(1_000);
    await replica.stop();
    await master.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('limiter/B13, F3: decides on the promoted Redis within 1 s, from the levels it has, script loaded anew', async () => {
    const take = async (): Promise<TakenCheck> => (await store.take([check])).at(0) as TakenCheck;
    for (let spent = 0; spent < 10; spent += 1) await take();
    await vi.waitUntil(async () => (await operator.dbsize()) === 1);
    await master.kill();
    const named = async (): Promise<unknown> => watch.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main');
    await vi.waitUntil(async () => String(await named()).endsWith(String(replica.port)), { timeout: 15_000, interval: 20 });
    const promotedAtMs = performance.now();
    const taken = await vi.waitUntil(() => take().catch(() => undefined), { timeout: 5_000, interval: 20 });
    expect(performance.now() - promotedAtMs).toBeLessThan(1_000);
    expect(taken.allowed).toBe(true);
    expect(Math.floor((taken.states[0] ?? 0) / (check.calls[0]?.shape.grainsPerToken ?? 1))).toBe(89);
  }, 40_000);
});

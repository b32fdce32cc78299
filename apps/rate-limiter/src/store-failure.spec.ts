import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { credentials } from '@grpc/grpc-js';
import { RateLimitServiceClient, Reason, type Check, type Decision, type Event, type StreamChecksResponse } from '@tidegate/grpc';
import { buildCheck, createLimiterClient } from '@tidegate/limiter-client';
import { createObservability } from '@tidegate/observability';
import { limiterSchema } from '@tidegate/rate-limit';
import { has, startRedis, type RedisServer } from '@tidegate/testkit';
import { formatAddress } from '@tidegate/units';
import { afterEach, describe, expect, it } from 'vitest';
import { bootstrap } from './index.js';

const loopback = { host: '127.0.0.1', port: 0 };
const policies = {
  hourly: { subject: '{client}', limits: [{ name: 'burst', key: '{client}', rate: 1, per: '1h', burst: 100 }] },
  open: { subject: '{client}', onStoreFailure: 'allow', limits: [{ name: 'burst', key: '{client}', rate: 1, per: '1h', burst: 2 }] },
  shut: { subject: '{client}', onStoreFailure: 'deny', limits: [{ name: 'burst', key: '{client}', rate: 1, per: '1h', burst: 2 }] },
};

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function redisServer(): Promise<RedisServer> {
  const redis = await startRedis();
  cleanups.push(() => redis.stop());
  return redis;
}

let instances = 0;

async function startReplica(url: string, extra: object = {}) {
  instances += 1;
  const events: Event[] = [];
  const running = await bootstrap({
    config: {
      limiter: limiterSchema.parse({ policies, store: { redis: { url } }, ...extra }),
      configVersion: 'aaaaaaaaaaaa',
      listeners: { limiter: { address: loopback }, ops: { address: loopback } },
    },
    secrets: { adminToken: 'admin' },
    observability: createObservability({ app: 'rate-limiter', instance: `limiter-${instances}`, level: 'silent' }),
    publisher: { publish: (event) => void events.push(event) },
    ops: false,
    listen: true,
  });
  cleanups.push(() => running.close());
  const told = () => events.map(({ kind }) => (kind?.$case === 'lifecycle' ? kind.value.what : ''));
  return { ...running, target: formatAddress(running.address ?? loopback), told };
}

/** A way to the store that can swallow everything on its open connections without closing them. */
async function startPath(port: number): Promise<{ port: number; swallow: () => void }> {
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const store = connect(port, '127.0.0.1');
    client.pipe(store).pipe(client);
    for (const socket of [client, store]) sockets.push(socket.on('error', () => socket.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const swallow = (): void => {
    for (const socket of sockets.splice(0)) socket.unpipe().removeAllListeners('data').resume();
  };
  return { port: (server.address() as AddressInfo).port, swallow };
}

const check = (policy = 'hourly', extra: Partial<Check> = {}) => buildCheck(policy, { client: 'alice' }, extra);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks many times in a row, as a client would, and says how long the slowest answer took. */
async function askMany(ask: () => Decision | Promise<Decision>, count: number) {
  const decisions: Decision[] = [];
  let slowestMs = 0;
  for (let n = 0; n < count; n += 1) {
    const start = performance.now();
    decisions.push(await ask());
    slowestMs = Math.max(slowestMs, performance.now() - start);
  }
  return { decisions, slowestMs, admitted: decisions.filter(({ allowed }) => allowed).length };
}

describe.skipIf(!has('redis'))('a store that goes away', () => {
  it('limiter/B1: replicas on one store admit together what the limit says, whatever the concurrency', async () => {
    const redis = await redisServer();
    const replicas = await Promise.all([startReplica(redis.url), startReplica(redis.url)]);
    const links = replicas.map(({ target }, n) => createLimiterClient({ targets: [target], clientGroup: 'spec', instance: `spec-${n}`, onLimiterFailure: 'deny' }));
    cleanups.push(...links.map((link) => () => link.close()));
    for (const link of links) await link.ready(2_000);
    const decisions = await Promise.all(links.flatMap((link) => Array.from({ length: 256 }, async () => link.check(check('hourly', { timeoutMs: 5_000 })))));
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(100);
    expect(decisions.some(({ degraded }) => degraded)).toBe(false);
  });

  it.each(['SIGSTOP', 'SIGKILL'] as const)('limiter/F2: with Redis gone by %s every caller is answered within 60 ms and the share is enforced', async (signal) => {
    const redis = await redisServer();
    const { target, told } = await startReplica(redis.url, { replicasMin: 4 });
    const link = createLimiterClient({ targets: [target], clientGroup: 'spec', instance: 'spec-1', onLimiterFailure: 'deny' });
    cleanups.push(() => link.close());
    await link.ready(2_000);
    expect(await link.check(check())).toMatchObject({ degraded: false, remaining: 99 });
    redis.signal(signal);
    if (signal === 'SIGKILL') await sleep(20);
    const { decisions, slowestMs, admitted } = await askMany(() => link.check(check()), 60);
    expect(slowestMs).toBeLessThan(60);
    expect(decisions.every(({ degraded, localDivisor }) => degraded && localDivisor === 4)).toBe(true);
    // Level last seen 99 of 100, divided by 4.
    expect(admitted).toBe(24);
    expect(told()).toContain('degraded');
  });

  it('limiter/F1: the failure mode is the policy\'s', async () => {
    const redis = await redisServer();
    const { link } = await startReplica(redis.url);
    await redis.kill();
    await expect.poll(async () => (await link.check(check())).degraded).toBe(true);
    expect(await link.check(check('open'))).toMatchObject({ allowed: true, reason: Reason.STORE_DOWN_ALLOW, degraded: true });
    expect(await link.check(check('shut'))).toMatchObject({ allowed: false, reason: Reason.STORE_DOWN_DENY, degraded: true });
    expect(link.check(check())).not.toBeInstanceOf(Promise);
  });

  it('limiter/F2: on return the replica debits what it admitted, and decides exactly again within a second', async () => {
    const redis = await redisServer();
    const { link, told } = await startReplica(redis.url);
    await askMany(() => link.check(check()), 10);
    redis.signal('SIGSTOP');
    const { decisions, admitted } = await askMany(() => link.check(check()), 30);
    const charged = decisions.filter(({ degraded }) => degraded).length;
    expect(admitted).toBe(30);
    redis.signal('SIGCONT');
    const start = performance.now();
    await expect.poll(async () => (await link.check(check('hourly', { cost: 0 }))).degraded, { interval: 20, timeout: 3_000 }).toBe(false);
    expect(performance.now() - start).toBeLessThan(1_000);
    const { remaining } = await link.check(check('hourly', { cost: 0 }));
    // Calls of unknown outcome ran when Redis woke up and are debited as well: never less than what was admitted.
    expect(remaining).toBeLessThanOrEqual(90 - charged);
    expect(remaining).toBeGreaterThanOrEqual(90 - 2 * charged);
    expect(told()).toEqual(['ready', 'degraded', 'recovered']);
  });

  it('limiter/F3: starts degraded without Redis, and is exact once there is one', async () => {
    const redis = await redisServer();
    await redis.kill();
    const { link, told } = await startReplica(redis.url);
    expect(told()).toEqual(['degraded', 'ready']);
    expect(await link.check(check())).toMatchObject({ allowed: true, degraded: true, localDivisor: 1 });
    await redis.restart();
    await expect.poll(async () => (await link.check(check())).degraded, { timeout: 3_000 }).toBe(false);
  });

  it('limiter/F1: n is the number of live replicas, and its last value stays in an outage', async () => {
    const redis = await redisServer();
    const replicas = await Promise.all([startReplica(redis.url), startReplica(redis.url), startReplica(redis.url)]);
    await sleep(1_100);
    await redis.kill();
    for (const { link } of replicas) {
      await expect.poll(async () => (await link.check(check('hourly', { cost: 0 }))).localDivisor).toBe(3);
      expect(await link.check(check('hourly', { cost: 34 }))).toMatchObject({ allowed: false, reason: Reason.LIMIT_EXCEEDED, retryAfterMs: 1_000 });
      expect((await askMany(() => link.check(check()), 60)).admitted).toBe(33);
    }
  });

  it('limiter/F3: a connection whose other end is gone without a word is opened anew', async () => {
    const redis = await redisServer();
    const path = await startPath(redis.port);
    const { link } = await startReplica(`redis://127.0.0.1:${path.port}`);
    expect(await link.check(check())).toMatchObject({ degraded: false });
    path.swallow();
    await expect.poll(async () => (await link.check(check())).degraded).toBe(true);
    await expect.poll(async () => (await link.check(check('hourly', { cost: 0 }))).degraded, { timeout: 6_000 }).toBe(false);
  });

  it('limiter/F2: exact within a second after a freeze longer than any timeout', async () => {
    const redis = await redisServer();
    const { link } = await startReplica(redis.url);
    redis.signal('SIGSTOP');
    await expect.poll(async () => (await link.check(check())).degraded).toBe(true);
    await sleep(3_500);
    redis.signal('SIGCONT');
    const start = performance.now();
    await expect.poll(async () => (await link.check(check('hourly', { cost: 0 }))).degraded, { interval: 20, timeout: 3_000 }).toBe(false);
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  it('limiter/F4: past 1,024 open checks on a stream the next are OVERLOADED at once, and the rest is answered', async () => {
    const redis = await redisServer();
    const { target } = await startReplica(redis.url, { store: { redis: { url: redis.url }, timeoutMs: 1_000 } });
    redis.signal('SIGSTOP');
    const client = new RateLimitServiceClient(target, credentials.createInsecure());
    cleanups.push(() => client.close());
    const call = client.streamChecks();
    const codes: string[] = [];
    call.on('error', () => {});
    call.on('data', ({ results }: StreamChecksResponse) => codes.push(...results.map(({ outcome }) => (outcome?.$case === 'error' ? outcome.value.code : 'decided'))));
    for (let message = 0; message < 9; message += 1) {
      call.write({ hello: undefined, items: Array.from({ length: 128 }, (_, n) => ({ id: message * 128 + n, check: check('hourly', { timeoutMs: 5_000 }) })) });
    }
    await expect.poll(() => codes.length).toBe(128);
    expect(new Set(codes)).toEqual(new Set(['OVERLOADED']));
    redis.signal('SIGCONT');
    await expect.poll(() => codes.length, { timeout: 5_000 }).toBe(9 * 128);
    expect(codes.filter((code) => code === 'decided')).toHaveLength(1_024);
    call.cancel();
  });

  it('limiter/P4: undecided in the queue is not charged', async () => {
    const redis = await redisServer();
    const { link } = await startReplica(redis.url, { store: { redis: { url: redis.url }, timeoutMs: 2_000 } });
    await link.check(check('hourly', { cost: 10 }));
    redis.signal('SIGSTOP');
    // Four calls fill what may be in flight; those behind them run out of time.
    const sent = Array.from({ length: 4 }, async () => link.check(check('hourly', { timeoutMs: 1_000 })));
    const late = await Promise.all(Array.from({ length: 20 }, async () => link.check(check('hourly', { timeoutMs: 30 }), { onLimiterFailure: 'deny' })));
    expect(late.every(({ allowed, reason }) => !allowed && reason === Reason.LIMITER_DOWN)).toBe(true);
    redis.signal('SIGCONT');
    await Promise.all(sent);
    await expect.poll(async () => link.check(check('hourly', { cost: 0 }))).toMatchObject({ degraded: false, remaining: 86 });
  });

  it('limiter/F2, section 4: an outage admits no more than the bound of the table', async () => {
    const redis = await redisServer();
    const replicas = await Promise.all([startReplica(redis.url), startReplica(redis.url)]);
    await sleep(1_100);
    let admitted = 0;
    const askAll = async (count: number) => {
      for (const { link } of replicas) admitted += (await askMany(() => link.check(check()), count)).admitted;
    };
    await askAll(80);
    expect(admitted).toBe(100);
    await redis.kill();
    await askAll(120);
    await redis.restart();
    for (const { link } of replicas) await expect.poll(async () => (await link.check(check('hourly', { cost: 0 }))).degraded, { timeout: 3_000 }).toBe(false);
    await askAll(120);
    // B1 allows one burst, a Redis that comes back empty another; the outage at most two more.
    expect(admitted).toBeLessThanOrEqual(4 * 100);
  });
});

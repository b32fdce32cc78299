import { resolve } from 'node:path';
import { has, startKafka, startRedis, waitUntil, type KafkaBroker, type RedisServer } from '@tidegate/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ask } from './ask.js';
import { startEcho, type EchoUpstream } from './echo-upstream.js';
import { failuresOf, latencyMs, Load, overBound, sleep, tallyOf, type LoadSample } from './load.js';
import { writeStackConfig, type StackConfig } from './stack-config.js';
import { ApartStack } from './start-stack.js';
import { tidegateJson } from './tidegate-cli.js';

// Real: every app in a process of its own, two limiters, Redis, Kafka. Ours: the load, and the service `echo`.
const hasParts = has('redis') && has('kafka');
/** The policy of /site in the shipped file. */
const visitors = { rate: 10, burst: 50 };

let redis: RedisServer;
let kafka: KafkaBroker;
let echo: EchoUpstream;
let config: StackConfig;
let stack: ApartStack;
let load: Load;

async function startEverything(): Promise<void> {
  [redis, kafka, echo] = await Promise.all([startRedis(), startKafka({ partitions: 6 }), startEcho()]);
  config = await writeStackConfig({
    routes: [{ name: 'echo', match: { path: { prefix: '/echo' } }, service: 'echo' }],
    keys: {
      services: { echo: { upstreams: [echo.upstream.url], timeout: '10s' } },
      limiter: { store: { redis: { url: redis.url } } },
      events: { transport: { kafka: { brokers: kafka.brokers } } },
      // One laid over this says where the limiters are.
      include: 'links.yaml',
    },
  });
  const at = (name: string): string => `127.0.0.1:${config.portOf(name)}`;
  config.layer('links.yaml', { include: 'ports.yaml', links: { limiter: [at('limiter'), at('limiter2')] } });
  config.layer('limiter2.yaml', { include: 'tidegate.yaml', listeners: { limiter: { address: at('limiter2') }, ops: { address: at('ops2') } } });
  stack = await ApartStack.start(config, ['analytics', 'demo', 'limiter', 'limiter2', 'egress', 'ingress']);
}

/** Traffic, and what it was like before anything is done to the stack. */
async function startLoad(): Promise<LoadSample[]> {
  load = new Load(config);
  await load.more(80);
  return load.samples.slice(20);
}

/** Samples of what is sent from now on, until so many came. */
async function watch(count: number): Promise<LoadSample[]> {
  const fromMs = performance.now();
  await load.more(count);
  return load.samples.filter(({ sentAtMs }) => sentAtMs >= fromMs);
}

/** Resolves when answers are no longer degraded. */
const untilExact = () =>
  waitUntil('limits are exact again', async () => {
    const samples = await watch(30);
    return failuresOf(samples).length === 0 && !samples.some(({ problem }) => problem === 'temporary-reduced-capacity') && samples.some(({ problem }) => problem === 'quota-exceeded') ? true : undefined;
  });

/** What may have happened to the buckets meanwhile. */
interface Happened {
  /** Times that buckets were lost: at most a burst each (limiter.md section 4). */
  readonly emptied?: number;
  /** Times that somebody decided alone: at most two bursts each. */
  readonly outages?: number;
}

/** Nobody above the bound, every event counted once; how many were decided by a failure mode. */
async function expectKept({ emptied = 0, outages = 0 }: Happened): Promise<number> {
  await load.stop();
  expect(await load.counted()).toEqual({ counted: load.sent, missing: 0, duplicated: 0 });
  const degraded = await load.degraded();
  const { burst } = visitors;
  // What the store decided keeps B1 to the token, whatever died. A busy machine may lose a reply now and then: that is an outage, too.
  const exact = load.samples.filter(({ requestId }) => !degraded.has(requestId));
  expect(overBound(exact, { ...visitors, extra: emptied * burst })).toEqual([]);
  expect(overBound(load.samples, { ...visitors, extra: (emptied + 2 * Math.max(outages, degraded.size > 0 ? 1 : 0)) * burst })).toEqual([]);
  return degraded.size;
}

describe.skipIf(!hasParts)('every app in its own process', { timeout: 120_000 }, () => {
  beforeAll(startEverything, 180_000);
  afterEach(() => load?.stop());
  afterAll(async () => {
    await stack?.stop();
    await Promise.all([redis?.stop(), kafka?.stop(), echo?.upstream.close()]);
    config?.remove();
  });

  it('limiter/F1, F3: kill -9 of Redis fails no request; answers are degraded, limits hold, and are exact again soon after its return', async () => {
    const calm = await startLoad();
    const { key } = await tidegateJson<{ key: string }>(config, 'keys', 'create', '--consumer', 'acme');
    const withKey = async () => (await ask({ port: config.portOf('public'), path: '/api/users/me', fields: { 'x-api-key': key } })).status;
    await waitUntil('the key is in force', async () => ((await withKey()) === 401 ? undefined : true), 5_000);
    const known = await withKey();
    await redis.kill();
    const during = await watch(150);
    // Who is ready stays ready, and keys that were known stay known.
    expect([await stack.ready('ingress'), await stack.ready('limiter'), await withKey()]).toEqual([200, 200, known]);
    await redis.restart();
    await untilExact();
    report('Redis dead', calm, during);
    expect(failuresOf(load.samples)).toEqual([]);
    expect(await expectKept({ emptied: 1, outages: 1 })).toBeGreaterThan(50);
  });

  it('limiter/F2: a frozen Redis is not waited for', async () => {
    const calm = await startLoad();
    redis.signal('SIGSTOP');
    const during = await watch(150);
    redis.signal('SIGCONT');
    await untilExact();
    report('Redis frozen', calm, during);
    expect(failuresOf(load.samples)).toEqual([]);
    // 25 ms in the limiter, 35 at the ingress, and what the machine of the test takes; elsewhere it is six seconds.
    expect(latencyMs(during, 0.5)).toBeLessThan(60 + 2 * latencyMs(calm, 0.9));
    expect(latencyMs(during, 1)).toBeLessThan(60 + 1_500);
    expect(await expectKept({ outages: 1 })).toBeGreaterThan(50);
  });

  it('limiter/C1: kill -9 of one of two limiters fails no request, and its return either', async () => {
    const calm = await startLoad();
    await stack.kill('limiter2');
    const during = await watch(150);
    await stack.start('limiter2');
    await untilExact();
    report('one limiter dead', calm, during);
    expect(failuresOf(load.samples)).toEqual([]);
    await expectKept({ outages: 1 });
  });

  it('limiter/C4: with no limiter left the ingress enforces the limits it knows', async () => {
    const calm = await startLoad();
    await Promise.all([stack.kill('limiter'), stack.kill('limiter2')]);
    const during = await watch(150);
    expect(await stack.ready('ingress')).toBe(200);
    await Promise.all([stack.start('limiter'), stack.start('limiter2')]);
    await untilExact();
    report('no limiter', calm, during);
    expect(failuresOf(load.samples)).toEqual([]);
    expect(tallyOf(during)['429 temporary-reduced-capacity']).toBeGreaterThan(10);
    expect(await expectKept({ outages: 1 })).toBeGreaterThan(50);
  });

  it('gateway/U5: kill -9 of egress costs the requests it had and those of its absence, nothing more', async () => {
    const calm = await startLoad();
    await stack.kill('egress');
    const during = await watch(80);
    await stack.start('egress');
    await untilExact();
    report('egress dead', calm, during);
    expect(new Set(failuresOf(load.samples).map(({ status }) => status))).toEqual(new Set([502]));
    expect(failuresOf(await watch(50))).toEqual([]);
    await expectKept({});
  });

  it('analytics/N1, N3: kill -9 of Kafka is noticed by no request, and no event is lost or counted twice', async () => {
    const calm = await startLoad();
    await kafka.kill();
    const during = await watch(200);
    await kafka.restart();
    await watch(50);
    report('Kafka dead', calm, during);
    expect(failuresOf(load.samples)).toEqual([]);
    await expectKept({});
  });

  it('analytics/N1, N4: kill -9 of the analytics consumer in the middle of its work: every event is counted once', async () => {
    const calm = await startLoad();
    await stack.kill('analytics');
    const during = await watch(100);
    await stack.start('analytics');
    await watch(50);
    await stack.kill('analytics');
    await stack.start('analytics');
    report('analytics dead', calm, during);
    expect(failuresOf(load.samples)).toEqual([]);
    await expectKept({});
  });

  it('a recorded log goes through while everything behind the ingress is killed once, and every promise holds', async () => {
    const log = resolve(import.meta.dirname, '../fixtures/apache-excerpt.log');
    const replay = tidegateJson<ReplayReport>(config, 'replay', '--log', log, '--speed', '1800', '--fault', 'redis', '--wait', '60');
    await sleep(1_500);
    await stack.kill('limiter');
    await Promise.all([redis.restart(), stack.start('limiter')]);
    await stack.kill('analytics');
    await Promise.all([kafka.restart(), stack.start('analytics')]);
    const report = await replay;
    console.log('replay', JSON.stringify(report.statuses), JSON.stringify(report.latencyMs), JSON.stringify(report.analytics));
    expect(report).toMatchObject({ skipped: 0, sent: 600, unanswered: {}, clients: { overBound: 0 }, analytics: { counted: 600, missing: 0, duplicated: 0 } });
    expect(Object.keys(report.statuses).filter((status) => status >= '500')).toEqual([]);
  });

  it('gateway/H12, limiter/F7: SIGTERM of each fails nothing but what comes while it is away, and each ends with 0', async () => {
    await startLoad();
    expect(await stack.terminate('limiter2')).toBe(0);
    await watch(50);
    await stack.start('limiter2');
    expect(await stack.terminate('analytics')).toBe(0);
    await watch(50);
    await stack.start('analytics');
    expect(failuresOf(load.samples)).toEqual([]);
    await expectKept({ outages: 1 });
    for (const app of ['egress', 'ingress'] as const) {
      const late = ask({ port: config.portOf('public'), path: '/echo/slow?ms=1000' });
      await waitUntil('the service has it', () => (echo.open.size > 0 ? true : undefined));
      expect([app, await stack.terminate(app), (await late).body]).toEqual([app, 0, 'late']);
      if (app === 'egress') await stack.start('egress');
    }
    for (const app of ['limiter', 'limiter2', 'demo', 'analytics'] as const) expect([app, await stack.terminate(app)]).toEqual([app, 0]);
  });
});

interface ReplayReport {
  readonly sent: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly latencyMs: object;
  readonly analytics: object;
}

/** What was seen, for whoever reads the output. */
function report(what: string, calm: readonly LoadSample[], during: readonly LoadSample[]): void {
  const text = (samples: readonly LoadSample[]) => `${JSON.stringify(tallyOf(samples))} p50 ${latencyMs(samples, 0.5).toFixed(0)} p99 ${latencyMs(samples, 0.99).toFixed(0)} max ${latencyMs(samples, 1).toFixed(0)} ms`;
  console.log(`${what}: ${text(during)}; before: ${text(calm)}`);
}

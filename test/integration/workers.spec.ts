import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { has, RawClient, startKafka, waitUntil, type KafkaBroker, type RunningProcess } from '@tidegate/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ask } from './ask.js';
import { failuresOf, Load, tallyOf } from './load.js';
import { writeStackConfig, type StackConfig } from './stack-config.js';
import { ApartStack, askAnalytics, startOneProcess } from './start-stack.js';

// Real: the built product with `workers: 2`, kill -9, sockets; Kafka where each app has its own process. Ours: the load.

interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly reason?: string }[];
}

interface Breaker {
  readonly worker: string;
  readonly service: string;
  readonly upstream: string;
  readonly hold: string;
}

const readiness = async (port: number): Promise<Readiness> => JSON.parse((await ask({ port, path: '/readyz' })).body) as Readiness;

/** Processes that one forked, first started first. */
const childrenOf = ({ pid }: RunningProcess): number[] =>
  spawnSync('pgrep', ['-P', String(pid)]).stdout.toString().trim().split('\n').map(Number).sort((a, b) => a - b);

/** The sum of a metric's samples. */
async function metric(port: number, name: string): Promise<number> {
  const { body } = await ask({ port, path: '/metrics' });
  const samples = body.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Connections that had one answer each and stay open. */
async function holdConnections(port: number, count: number): Promise<RawClient[]> {
  const clients = Array.from({ length: count }, () => new RawClient(port));
  for (const client of clients) client.write('GET /site/page HTTP/1.1\r\nHost: held\r\n\r\n');
  await Promise.all(clients.map((client) => client.untilAnswers(1)));
  return clients;
}

/** Kills one worker; resolves when another is in its place. */
async function killWorker(pid: number, opsPort: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await waitUntil('the worker is missed', async () => ((await readiness(opsPort)).ready ? undefined : true));
  await waitUntil('all workers are ready', async () => ((await readiness(opsPort)).ready ? true : undefined), 60_000);
}

/** What did not arrive because the listener was closed already is no request. */
const failedIn = (load: Load) => tallyOf(failuresOf(load.samples).filter(({ problem }) => problem !== 'ECONNREFUSED'));

describe('`tidegate up` with workers: 2', { timeout: 120_000 }, () => {
  let config: StackConfig;
  let up: RunningProcess;
  let ops: number;
  let load: Load;

  const start = async (keys: object = {}): Promise<void> => {
    config = await writeStackConfig({ keys: { workers: 2, ...keys } });
    ops = config.portOf('ops');
    up = await startOneProcess(config);
  };

  afterEach(async () => {
    await load?.stop();
    await up?.stop();
    config?.remove();
  });

  it('both serve; one set of limits holds over both; metrics and health are those of all; every request is counted once', async () => {
    await start();
    expect(await readiness(ops)).toMatchObject({ ready: true, checks: expect.arrayContaining(['limiter-1', 'worker-1', 'worker-2'].map((name) => ({ name, ok: true }))) });
    const held = await holdConnections(config.portOf('public'), 32);
    load = new Load(config, { hot: 4, calm: 4 });
    await load.more(400);
    await load.stop();
    expect(failuresOf(load.samples)).toEqual([]);
    // The one who asks too often meets one bucket, whichever worker takes the request.
    expect(tallyOf(load.samples)['429 quota-exceeded']).toBeGreaterThan(0);
    expect(await metric(ops, 'tidegate_ingress_requests_total')).toBe(load.sent + 32);
    expect(await metric(ops, 'tidegate_ingress_request_duration_seconds_count')).toBe(load.sent + 32);
    expect(await load.counted()).toEqual({ counted: load.sent, missing: 0, duplicated: 0 });
    const [, first = 0] = childrenOf(up);
    await killWorker(first, ops);
    const closed = held.filter(({ isClosed }) => isClosed).length;
    expect(closed).toBeGreaterThan(0);
    expect(closed).toBeLessThan(32);
    // What a dead process had counted stays.
    expect(await metric(ops, 'tidegate_ingress_requests_total')).toBe(load.sent + 32);
    for (const client of held) client.socket.destroy();
  });

  it('analytics/N1: kill -9 of a worker fails at most what it had in flight, another takes its place, and nothing is counted twice', async () => {
    await start({ events: { durability: 'disk' } });
    load = new Load(config, { hot: 1, calm: 5 });
    await load.more(100);
    const [, first = 0, second = 0] = childrenOf(up);
    await killWorker(first, ops);
    await load.more(50);
    await killWorker(second, ops);
    await load.more(100);
    await load.stop();
    const failed = failuresOf(load.samples);
    expect(failed.length).toBeLessThanOrEqual(12);
    expect(failed.filter(({ status }) => status !== 0)).toEqual([]);
    expect(await metric(ops, 'tidegate_worker_restarts_total')).toBe(2);
    // Events of answers that were given are on disk before: the next process sends them, under the same sequences.
    const { missing, duplicated } = await load.counted(10_000);
    expect(duplicated).toBe(0);
    expect(missing).toBeLessThanOrEqual(failed.length);
  });

  it('a limiter that dies is replaced, and no request fails meanwhile', async () => {
    await start();
    load = new Load(config);
    await load.more(50);
    const [limiter = 0] = childrenOf(up);
    await killWorker(limiter, ops);
    await load.more(50);
    await load.stop();
    expect(failuresOf(load.samples)).toEqual([]);
  });

  it('gateway/H12: SIGTERM fails no request, ends with 0, and leaves no process and no event behind', async () => {
    await start();
    load = new Load(config, { hot: 2, calm: 6 });
    await load.more(100);
    const children = childrenOf(up);
    up.signal('SIGTERM');
    expect(await up.exited).toBe(0);
    await load.stop();
    expect(failedIn(load)).toEqual({});
    for (const pid of children) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    up = await startOneProcess(config);
    const answered = load.samples.filter(({ status }) => status !== 0).length;
    const report = await askAnalytics(config, `/v1/replays/${load.run}?sent=${load.sent}`);
    expect(report).toMatchObject({ counted: answered, duplicated: 0 });
  });
});

describe.skipIf(!has('kafka'))('gateways in processes of their own with workers: 2', { timeout: 180_000 }, () => {
  let kafka: KafkaBroker;
  let config: StackConfig;
  let stack: ApartStack;
  let load: Load;

  const admin = async (question: { readonly method: string; readonly path: string; readonly body?: string }): Promise<{ status: number; body: { breakers: Breaker[] } }> => {
    const token = readFileSync(join(config.folder, 'secrets/admin-token'), 'utf8').trim();
    const fields = { authorization: `Bearer ${token}`, ...(question.body === undefined ? {} : { 'content-type': 'application/json' }) };
    const { status, body } = await ask({ port: config.portOf('opsEgress'), fields, ...question });
    return { status, body: JSON.parse(body) as { breakers: Breaker[] } };
  };

  beforeAll(async () => {
    kafka = await startKafka({ partitions: 3 });
    config = await writeStackConfig({ keys: { workers: 2, events: { transport: { kafka: { brokers: kafka.brokers } } } } });
    stack = await ApartStack.start(config, ['analytics', 'demo', 'limiter', 'egress', 'ingress']);
  }, 180_000);
  afterAll(async () => {
    await load?.stop();
    await stack?.stop();
    await kafka?.stop();
    config?.remove();
  });

  it('gateway/U4: what an operator tells a breaker all workers do, also one that starts later', async () => {
    const hold = (state: string) => admin({ method: 'PUT', path: '/breakers/site', body: JSON.stringify({ hold: state }) });
    const holds = async () => {
      const { body } = await admin({ method: 'GET', path: '/breakers' });
      return Object.fromEntries(body.breakers.filter(({ service, upstream }) => service === 'site' && upstream === '').map((row) => [row.worker, row.hold]));
    };
    const through = async () => (await ask({ port: config.portOf('public'), path: '/site/page' })).status;
    expect((await hold('open')).status).toBe(200);
    expect(await holds()).toEqual({ 'worker-1': 'open', 'worker-2': 'open' });
    const [first = 0] = childrenOf(stack.processOf('egress'));
    await killWorker(first, config.portOf('opsEgress'));
    expect(await holds()).toEqual({ 'worker-1': 'open', 'worker-2': 'open' });
    expect(await Promise.all(Array.from({ length: 8 }, through))).toEqual(Array.from({ length: 8 }, () => 503));
    expect((await hold('auto')).status).toBe(200);
    await waitUntil('the breaker is closed', async () => ((await through()) === 200 ? true : undefined));
    expect((await admin({ method: 'PUT', path: '/breakers/nobody', body: '{"hold":"open"}' })).status).toBe(404);
    expect((await ask({ port: config.portOf('opsEgress'), path: '/breakers' })).status).toBe(401);
  });

  it('gateway/H12: SIGTERM to egress, then to ingress, fails no request; kill -9 of a worker at most those in flight; every request is counted once', async () => {
    load = new Load(config, { hot: 2, calm: 6 });
    await load.more(100);
    expect(await stack.terminate('egress')).toBe(0);
    await stack.start('egress');
    const afterRestart = load.samples.length;
    await load.more(100);
    const [first = 0] = childrenOf(stack.processOf('ingress'));
    await killWorker(first, config.portOf('opsIngress'));
    await load.more(50);
    expect(failuresOf(load.since(afterRestart)).length).toBeLessThanOrEqual(8);
    expect(failuresOf(load.since(afterRestart)).filter(({ status }) => status !== 0)).toEqual([]);
    const beforeStop = load.samples.length;
    expect(await stack.terminate('ingress')).toBe(0);
    await load.stop();
    expect(tallyOf(failuresOf(load.since(beforeStop)).filter(({ problem }) => problem !== 'ECONNREFUSED'))).toEqual({});
    const answered = load.samples.filter(({ status }) => status !== 0).length;
    const report = await waitUntil('the analytics have it', async () => {
      const found = await askAnalytics<{ counted: number; duplicated: number }>(config, `/v1/replays/${load.run}?sent=${load.sent}`);
      return found.counted >= answered - 8 ? found : undefined;
    });
    expect(report.duplicated).toBe(0);
  });
});

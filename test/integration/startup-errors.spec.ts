import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { ensureSecrets } from '@tidegate/auth';
import { waitUntil, type RunningProcess } from '@tidegate/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask } from './ask.js';
import { writeStackConfig, type StackConfig } from './stack-config.js';
import { startApp, startOneProcess, type AppName } from './start-stack.js';
import { tidegate } from './tidegate-cli.js';

const apps: readonly AppName[] = ['ingress', 'limiter', 'egress', 'analytics', 'demo'];
// Nobody listens there: events wait in the spool.
const kafka = { events: { transport: { kafka: { brokers: ['127.0.0.1:9'] } } } };

let config: StackConfig;
let started: RunningProcess[];
let occupied: Server[];

beforeEach(async () => {
  started = [];
  occupied = [];
  config = await writeStackConfig({ keys: kafka });
  ensureSecrets(join(config.folder, 'secrets'));
});
afterEach(async () => {
  await Promise.all(started.map((one) => one.stop(2_000)));
  for (const server of occupied) server.close();
  config.remove();
});

/** Lays keys over the configuration. */
const change = (keys: object): string => config.layer('tidegate.yaml', { include: 'ports.yaml', ...kafka, ...keys });

/** Starts an app that is to end by itself: its exit code and what it said. */
async function ending(app: AppName): Promise<{ app: AppName; code: number | string; said: string }> {
  const running = startApp(app, config);
  started.push(running);
  const code = await Promise.race([running.exited, new Promise<string>((resolve) => void setTimeout(() => resolve('still running'), 50_000))]);
  return { app, code, said: running.output() };
}

async function occupy(port: number): Promise<void> {
  const server = createServer();
  occupied.push(server);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
}

describe('a configuration that cannot be', { timeout: 60_000 }, () => {
  it('gateway/K1: each app says every mistake with its place, and ends with 64 before it listens', async () => {
    change({ worker: 2, listeners: { analytics: { address: `127.0.0.1:${config.portOf('egress')}` } } });
    const taken = new RegExp(`:\\d+:\\d+ listeners\\.\\w+\\.address: 127\\.0\\.0\\.1:${config.portOf('egress')} is already taken by listeners\\.\\w+\\.address; give one of them another port`);
    for (const { app, code, said } of await Promise.all(apps.map(ending))) {
      expect([app, code]).toEqual([app, 64]);
      expect(said).toMatch(/tidegate\.yaml:\d+:\d+ worker: unknown key "worker", did you mean "workers"\?/);
      expect(said).toMatch(taken);
    }
  });

  it('gateway/R2: routes that nothing separates are named both', async () => {
    const route = (name: string) => ({ name, match: { path: { exact: '/twin' } }, service: 'site' });
    change({ routes: [route('one'), route('two')] });
    const { code, output } = await tidegate(config, 'config', 'check');
    expect(code).toBe(64);
    expect(output).toMatch(/tidegate\.yaml:\d+:\d+ routes\[1\].*one/);
  });

  it('gateway/A11: without secrets each app says how to make them', async () => {
    rmSync(join(config.folder, 'secrets'), { recursive: true });
    for (const { app, code, said } of await Promise.all(apps.map(ending))) {
      expect([app, code]).toEqual([app, 1]);
      expect(said).toMatch(/secret .* cannot be read .*; "tidegate up" makes it at its first start, or set secrets\.directory\n/);
      expect(said).not.toMatch(/^\s+at /m);
    }
  });
});

describe('a port somebody else has', { timeout: 60_000 }, () => {
  it.each([
    ['ingress', 'public'],
    ['limiter', 'limiter'],
    ['egress', 'egress'],
    ['analytics', 'analytics'],
    ['demo', 'orders2'],
  ] as const)('%s names it and the key to change', async (app, name) => {
    await occupy(config.portOf(name));
    const { code, said } = await ending(app);
    const key = app === 'demo' ? 'demo.orders' : `listeners.${name}.address`;
    expect(said).toContain(`address already in use: 127.0.0.1:${config.portOf(name)}; change ${key} or stop the other process\n`);
    expect(code).toBe(69);
    expect(said).not.toMatch(/^\s+at /m);
  });

  it('the ops listener of an app apart is counted from the one of the file', async () => {
    await occupy(config.portOf('opsEgress'));
    const { code, said } = await ending('egress');
    expect(said).toContain(`address already in use: 127.0.0.1:${config.portOf('opsEgress')}; change listeners.ops.address or stop the other process\n`);
    expect(code).toBe(69);
  });
});

describe('parts that are not there yet', { timeout: 60_000 }, () => {
  it('gateway/A2: an unreachable JWKS keeps nobody from starting; /readyz says why until it is there', async () => {
    config.layer('tidegate.yaml', { include: 'ports.yaml', auth: { providers: { demo: { jwks: { url: 'http://127.0.0.1:9/.well-known/jwks.json' } } } } });
    const stack = await startOneProcess(config);
    started.push(stack);
    const ready = await waitUntil('it tells', async () => {
      const answer = await ask({ port: config.portOf('ops'), path: '/readyz' });
      return answer.status === 503 ? answer : undefined;
    });
    expect(ready.body).toMatch(/jwks/i);
    expect((await ask({ port: config.portOf('public'), path: '/api/products' })).status).toBe(200);
    expect((await ask({ port: config.portOf('ops'), path: '/healthz' })).status).toBe(200);
  });

  it('limiter/F3, analytics/N3: without Redis and Kafka each app starts, and says what it misses', async () => {
    change({ limiter: { store: { redis: { url: 'redis://127.0.0.1:9' } } } });
    for (const app of ['limiter', 'egress', 'demo', 'ingress'] as const) started.push(startApp(app, config));
    const answer = await waitUntil('an answer comes through', async () => {
      const one = await ask({ port: config.portOf('replay'), path: '/site/x' });
      return one.status === 200 ? one : undefined;
    }, 40_000);
    expect(answer.fields['ratelimit-policy']).toBeDefined();
    const analytics = startApp('analytics', config);
    started.push(analytics);
    const ready = await waitUntil('the analytics tell', async () => ask({ port: config.portOf('opsAnalytics'), path: '/readyz' }));
    expect([ready.status, ready.body]).toEqual([503, expect.stringMatching(/kafka/i)]);
  });
});

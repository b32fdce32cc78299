import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startProcess, waitUntil, writeLaptopConfig, type LaptopConfig, type RunningProcess } from '@tidegate/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const cli = resolve(import.meta.dirname, '../../apps/cli/bin/tidegate.mjs');
let folder: string;
let laptop: LaptopConfig;
let started: RunningProcess[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tidegate-up-'));
  laptop = await writeLaptopConfig(folder);
  started = [];
});
afterEach(() => Promise.all(started.map((one) => one.stop())));

function up(...args: string[]): RunningProcess {
  const one = startProcess(process.execPath, [cli, 'up', ...args], { cwd: folder, env: { ...process.env, TIDEGATE_CONFIG: laptop.file } });
  started.push(one);
  return one;
}

const untilReady = (one: RunningProcess) => waitUntil('it is ready', () => (one.output().includes('Ctrl-C drains') ? true : undefined), 60_000);

/** Runs a line of the banner: curl's own options are `-i` and `-H`. */
function ask(line: string): Promise<Response> {
  const [, url = '', , header = ''] = /curl -i (\S+)( -H '([^']+)')?/.exec(line) ?? [];
  const [name = '', value = ''] = header.split(': ');
  return fetch(url, { headers: name === '' ? {} : { [name]: value } });
}

describe('the built `tidegate up`', { timeout: 90_000 }, () => {
  it('gateway/A11: makes its secrets, says what listens where, and the lines to try work', async () => {
    const one = up();
    await untilReady(one);
    const output = one.output();
    expect(output).toMatch(/Tidegate is ready after \d+\.\d s/);
    for (const port of Object.values(laptop.ports)) expect(output).toContain(`:${port} `);
    expect(output).toMatch(/shown only now:\n {2}alice {2}\S{16}\n {2}bob {2}\S{16}\n/);
    expect(statSync(join(folder, 'secrets/admin-token')).mode & 0o777).toBe(0o600);
    const lines = output.split('\n').filter((line) => line.startsWith('  curl'));
    expect(lines).toHaveLength(2);
    for (const line of lines) expect([line, (await ask(line)).status]).toEqual([line, 200]);
    const ready = await fetch(`http://127.0.0.1:${laptop.ports.ops}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([200, { ready: true }]);
  });

  it('gateway/H12: ends with 0 on SIGTERM, and its secrets stay for the next start', async () => {
    const one = up();
    await untilReady(one);
    const token = readFileSync(join(folder, 'secrets/admin-token'), 'utf8');
    one.signal('SIGTERM');
    expect(await one.exited).toBe(0);
    const next = up();
    await untilReady(next);
    expect(next.output()).not.toContain('shown only now');
    expect(readFileSync(join(folder, 'secrets/admin-token'), 'utf8')).toBe(token);
    next.signal('SIGINT');
    expect(await next.exited).toBe(0);
  });

  it('a second signal ends it at once', async () => {
    writeFileSync(laptop.file, readFileSync(laptop.file, 'utf8').replace('delay: 0s', 'delay: 60s'));
    const one = up();
    await untilReady(one);
    one.signal('SIGTERM');
    await waitUntil('it drains', () => (one.output().includes('SIGTERM: draining') ? true : undefined), 60_000);
    one.signal('SIGTERM');
    expect(await one.exited).toBe(1);
  });

  it('names every busy port with the key to change, and exits with 69 before it listens', async () => {
    const one = up();
    await untilReady(one);
    const other = up();
    expect(await other.exited).toBe(69);
    expect(other.output()).toContain(`address already in use: 127.0.0.1:${laptop.ports.public}; change listeners.public.address or stop the other process\n`);
    expect(other.output()).toContain(`127.0.0.1:${laptop.ports.orders2}; change demo.orders or stop`);
    expect((await fetch(`http://127.0.0.1:${laptop.ports.public}/api/products`)).status).toBe(200);
  });

  it('gateway/K1: a wrong file ends it with 64 and every mistake', async () => {
    writeFileSync(laptop.file, 'version: 1\nworker: 2\nroutes: [{}]\n');
    const one = up();
    expect(await one.exited).toBe(64);
    expect(one.output()).toContain(`${laptop.file}:2:1 worker: unknown key "worker", did you mean "workers"?\n${laptop.file}:3:10 routes[0].name: is missing; expected text\n`);
  });

  it('--only starts what was asked for, on the ports it has in a process of its own', async () => {
    const one = up('--only', 'demo');
    await untilReady(one);
    expect(one.output()).toMatch(/site +http/);
    expect(one.output()).not.toMatch(/public +http/);
    expect((await fetch(`http://127.0.0.1:${laptop.ports.ops + 5}/readyz`)).status).toBe(200);
    const lonely = up('--only', 'ingress');
    expect([await lonely.exited, lonely.output()]).toEqual([64, expect.stringContaining('add analytics to --only, or configure events.transport.kafka')]);
  });

  it('--init-only makes the secrets and ends', async () => {
    const one = up('--init-only');
    expect(await one.exited).toBe(0);
    expect(one.output()).toContain('admin-token');
  });
});

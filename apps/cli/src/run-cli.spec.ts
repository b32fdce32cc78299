import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ensureSecrets } from '@tidegate/auth';
import { loadConfig } from '@tidegate/config';
import { createObservability } from '@tidegate/observability';
import { freePort, waitUntil, writeLaptopConfig, type LaptopConfig } from '@tidegate/testkit';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProgram, runCli } from './run-cli.js';
import { processTerminal } from './terminal.js';
import { appNames } from './up/app-names.js';
import { startApps, type RunningApps } from './up/start-apps.js';

const root = resolve(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'tidegate-cli-'));
const ajv = new Ajv2020({ strict: false, validateFormats: false });

let laptop: LaptopConfig;
let running: RunningApps;

beforeAll(async () => {
  laptop = await writeLaptopConfig(folder);
  const config = loadConfig({ file: laptop.file, env: {} });
  const secrets = ensureSecrets(config.secrets.directory);
  const observability = createObservability({ app: 'tidegate', instance: 'test', level: 'silent' });
  running = await startApps({ config, source: { file: laptop.file, env: {} }, secrets, observability, apps: appNames, opsAddress: config.listeners.ops.address });
});
afterAll(() => running.stop());

/** Runs a command line; a command that takes a configuration gets the one of this spec. */
async function run(...args: string[]) {
  let out = '';
  let err = '';
  const terminal = { out: (text: string) => void (out += `${text}\n`), err: (text: string) => void (err += `${text}\n`), env: { TIDEGATE_CONFIG: laptop.file } };
  const code = await runCli(args, terminal);
  return { code, out, err };
}

/** Runs it with --json and holds the answer against its schema. */
async function runJson<T>(schema: string, ...args: string[]): Promise<T> {
  const { out } = await run(...args, '--json');
  const validate = ajv.compile<T>(JSON.parse(readFileSync(join(root, `deploy/schemas/${schema}.schema.json`), 'utf8')) as object);
  const value: unknown = JSON.parse(out);
  validate(value);
  expect(validate.errors).toBeNull();
  return value as T;
}

const at = (path: string): string => `http://127.0.0.1:${laptop.ports.public}${path}`;

describe('the command line', () => {
  it('has help with examples for every command, and says the exit codes', async () => {
    const leaves = createProgram(processTerminal).commands.flatMap((command) => (command.commands.length === 0 ? [[command.name()]] : command.commands.map((child) => [command.name(), child.name()])));
    expect(leaves.length).toBeGreaterThanOrEqual(9);
    for (const leaf of leaves) {
      const { code, out } = await run(...leaf, '--help');
      expect([code, out]).toEqual([0, expect.stringMatching(/Examples:\n {2}tidegate /)]);
    }
    expect((await run('--help')).out).toContain('64 wrong command line or configuration');
  });

  it.each([[['fly']], [['up', '--only', 'ingres']], [['config', 'explain', 'GET']], [['keys', 'create']], [['stats', '--top', '0']], [['token', '--ttl', 'soon']], [['config', 'explain', 'GET', '/x']]])('exits with 64 and a reason for %j', async (args) => {
    const { code, out, err } = await run(...args);
    expect([code, out]).toEqual([64, '']);
    expect(err).not.toBe('');
  });
});

describe('config', () => {
  it('check says what the file holds, or all its mistakes with exit 64', async () => {
    expect(await run('config', 'check')).toEqual({ code: 0, out: expect.stringMatching(/tidegate\.yaml: ok, version [0-9a-f]{12}: \d+ routes, 6 services/), err: '' });
    const wrong = join(folder, 'wrong.yaml');
    writeFileSync(wrong, 'version: 1\nworker: 2\ndrian: {}\n');
    const { code, err } = await run('config', 'check', wrong);
    expect([code, err]).toEqual([64, `${wrong}:2:1 worker: unknown key "worker", did you mean "workers"?\n${wrong}:3:1 drian: unknown key "drian", did you mean "drain"?\n${wrong}: 2 mistakes\n`]);
    expect(await runJson('config-check', 'config', 'check', wrong)).toMatchObject({ ok: false, configVersion: null, problems: [{ line: 2 }, { line: 3 }] });
    expect(await runJson('config-check', 'config', 'check')).toMatchObject({ ok: true, problems: [] });
  });

  it('every other command refuses a wrong file the same way', async () => {
    const { code, err } = await run('keys', 'list', '--config', join(folder, 'nowhere.yaml'));
    expect([code, err]).toEqual([64, expect.stringContaining('nowhere.yaml:1:1 cannot read the file: no such file\n')]);
  });

  it('gateway/R2: explain names the winner, its parameters, and why', async () => {
    const { code, out } = await run('config', 'explain', 'get', 'http://localhost/api/products/7');
    expect([code, out]).toEqual([0, expect.stringMatching(/\* +1 +product +any host, template \/api\/products\/\{id\}/)]);
    expect(out).toContain('{id} = 7');
    expect(await runJson('config-explain', 'config', 'explain', 'GET', 'http://localhost/api/orders/1')).toMatchObject({ winner: 'orders' });
    expect(await runJson('config-explain', 'config', 'explain', 'GET', 'http://localhost/nowhere')).toMatchObject({ winner: null, candidates: [] });
  });

  it('explain says 404, 405 and 400 where the gateway would answer them, with exit 1', async () => {
    const none = await run('config', 'explain', 'GET', 'http://localhost/nowhere');
    expect([none.code, none.out]).toEqual([1, expect.stringContaining('The gateway answers 404.')]);
    const method = await run('config', 'explain', 'DELETE', 'http://localhost/api/payments');
    expect([method.code, method.out]).toEqual([1, expect.stringContaining('The gateway answers 405, Allow: POST')]);
    const target = await run('config', 'explain', 'GET', 'http://localhost/a%00b');
    expect([target.code, target.err]).toEqual([1, expect.stringContaining('400')]);
  });
});

describe('token', () => {
  it('gateway/A11: prints the token alone, and the gateway takes it', async () => {
    const { code, out, err } = await run('token', '--sub', 'alice', '--scope', 'orders:read');
    expect([code, out.trim().split('.').length, err]).toEqual([0, 3, '']);
    const answer = await fetch(at('/api/orders'), { headers: { authorization: `Bearer ${out.trim()}` } });
    expect([answer.status, await answer.json()]).toEqual([200, { orders: [] }]);
  });

  it('says what was not granted, and what could be had', async () => {
    const some = await run('token', '--sub', 'bob', '--scope', 'orders:read', 'payments:write');
    expect([some.code, some.err]).toEqual([0, 'not granted: payments:write\n']);
    expect(await runJson('token', 'token', '--sub', 'bob', '--ttl', '2m')).toMatchObject({ expires_in: 120, scope: 'orders:read users:read' });
    const none = await run('token', '--sub', 'bob', '--scope', 'payments:write');
    expect([none.code, none.err]).toEqual([1, 'the auth service answered 400: none of these scopes may be had; there are: orders:read users:read\n']);
  });

  it('exits with 69 and the next step when nobody answers', async () => {
    const port = await freePort();
    const { code, err } = await run('token', '--url', `http://127.0.0.1:${port}/auth/token`);
    expect([code, err.replace(String(port), 'PORT')]).toEqual([69, 'the auth service does not answer at http://127.0.0.1:PORT (ECONNREFUSED); start it with "tidegate up", or name another with --url\n']);
  });
});

describe('keys', () => {
  const me = (key: string) => fetch(at('/api/users/me'), { headers: { 'x-api-key': key } }).then(({ status }) => status);

  it('gateway/A4: a key made is in force within a second, rotated both are, revoked none', async () => {
    const first = await runJson<{ key: string; id: string }>('keys-create', 'keys', 'create', '--consumer', 'acme', '--plan', 'gold', '--scope', 'a', 'b,c', '--expires', '90d');
    await waitUntil('the key is in force', async () => ((await me(first.key)) === 200 ? true : undefined), 1_500);
    const second = await runJson<{ key: string; id: string }>('keys-create', 'keys', 'rotate', first.id, '--overlap', '1h');
    await waitUntil('its successor too', async () => ((await me(second.key)) === 200 ? true : undefined), 1_500);
    expect(await me(first.key)).toBe(200);
    await runJson('keys-revoke', 'keys', 'revoke', second.id);
    await waitUntil('it is gone', async () => ((await me(second.key)) === 401 ? true : undefined), 1_500);
    const { keys } = await runJson<{ keys: object[] }>('keys-list', 'keys', 'list');
    expect(keys).toMatchObject([{ id: first.id, state: 'replaced', scopes: ['a', 'b', 'c'], plan: 'gold' }, { id: second.id, state: 'revoked' }]);
    const { out } = await run('keys', 'list');
    expect(out).toMatch(/^ID +CONSUMER +PLAN/);
    expect(out + JSON.stringify(keys)).not.toContain(first.key);
  });

  it('says when there is no such key', async () => {
    expect(await run('keys', 'revoke', 'k_none')).toMatchObject({ code: 1, err: expect.stringContaining('no key k_none') });
    expect(await run('keys', 'rotate', 'k_none')).toMatchObject({ code: 1, err: expect.stringContaining('no key k_none') });
  });
});

describe('stats', () => {
  it('analytics/Q2: top routes, top clients, denials by limit, latency', async () => {
    // All at once: one after another they could be slow enough to stay within the limit.
    await Promise.all(Array.from({ length: 80 }, async () => (await fetch(at('/api/products'))).arrayBuffer()));
    await waitUntil('analytics has them', async () => ((await run('stats')).out.includes('anonymous/burst') ? true : undefined), 5_000);
    const { code, out } = await run('stats', '--from', '15m', '--top', '3');
    expect(code).toBe(0);
    expect(out).toMatch(/latency: p50 [\d.]+ ms/);
    expect(out).toMatch(/^ROUTE +REQUESTS +DENIED +ERRORS +P50 +P90 +P99$/m);
    expect(out).toMatch(/^products +80 /m);
    const stats = await runJson<{ routes: { route: string; requests: number; denied: number }[]; limits: { denied: number }[] }>('stats', 'stats');
    const products = stats.routes.find(({ route }) => route === 'products');
    expect(products?.requests).toBe(80);
    expect(products?.denied).toBeGreaterThan(0);
    expect(stats.limits[0]?.denied).toBe(products?.denied);
  });

  it('passes on what the API says of a bad time', async () => {
    expect(await run('stats', '--from', 'yesterday')).toMatchObject({ code: 1, err: expect.stringContaining('analytics answered 400') });
  });
});

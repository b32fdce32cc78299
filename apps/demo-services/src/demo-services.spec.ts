import { ensureSecrets, formatPrincipal } from '@tidegate/auth';
import { createObservability } from '@tidegate/observability';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootstrap, type RunningDemo } from './bootstrap.js';

const secrets = ensureSecrets(mkdtempSync(join(tmpdir(), 'tidegate-demo-')));
const anywhere = { host: '127.0.0.1', port: 0 };
const config = {
  demo: { auth: [anywhere], users: [anywhere], products: [anywhere], orders: [anywhere, anywhere], payments: [anywhere], site: [anywhere], switches: true },
  listeners: { ops: { address: anywhere } } as never,
};
const principal = (id: string, ...scopes: string[]) => ({
  'x-tidegate-principal': formatPrincipal({ kind: 'jwt', id, scopes, roles: [], claims: {} }),
});
let demo: RunningDemo;
let url: (role: keyof RunningDemo['addresses'], path: string, at?: number) => string;

beforeAll(async () => {
  demo = await bootstrap({ config, secrets, observability: createObservability({ app: 'demo', instance: 'test', level: 'silent' }) });
  url = (role, path, at = 0) => `http://127.0.0.1:${demo.addresses[role]?.[at]?.port}${path}`;
});
afterAll(() => demo.close());

const post = (to: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(to, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });

describe('every role', () => {
  it('mesh/M20: every reply names the backend, refusals and health included', async () => {
    for (const role of ['auth', 'users', 'products', 'orders', 'payments', 'site'] as const) {
      for (const path of ['/healthz', '/nowhere']) {
        const answer = await fetch(url(role, path));
        await answer.arrayBuffer();
        expect(answer.headers.get('x-tidegate-backend')).toBe(role);
      }
    }
  });
});

describe('auth', () => {
  const [client] = secrets.clients;
  const credentials = { grant_type: 'client_credentials', client_id: client?.id, client_secret: client?.secret };

  it('gateway/A11: a client gets an EdDSA token for the subject it names, and the published key proves it', async () => {
    const answer = await post(url('auth', '/auth/token'), { ...credentials, sub: 'alice', scope: 'orders:read', ttl: 60 });
    const body = (await answer.json()) as { access_token: string };
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 60, scope: 'orders:read' });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const jwks = (await (await fetch(url('auth', '/.well-known/jwks.json'))).json()) as { keys: { d?: string }[] };
    expect(jwks.keys[0]?.d).toBeUndefined();
    const { payload } = await jwtVerify(body.access_token, createLocalJWKSet(jwks as never), { issuer: 'tidegate-demo', audience: 'tidegate' });
    expect(payload).toMatchObject({ sub: 'alice', scope: 'orders:read', roles: ['customer'] });
  });

  it('gateway/A11: never grants more than the user may', async () => {
    const answer = await post(url('auth', '/auth/token'), { ...credentials, sub: 'bob', scope: 'orders:read payments:write' });
    expect(await answer.json()).toMatchObject({ scope: 'orders:read' });
    const none = await post(url('auth', '/auth/token'), { ...credentials, sub: 'bob', scope: 'payments:write' });
    expect([none.status, await none.json()]).toMatchObject([400, { error: 'invalid_scope' }]);
  });

  it('takes a form and a demo user with password, RFC 6749 4.3', async () => {
    const password = secrets.demoPasswords.find(({ name }) => name === 'alice')?.password ?? '';
    const ask = (word: string) => fetch(url('auth', '/auth/token'), { method: 'POST', body: new URLSearchParams({ grant_type: 'password', username: 'alice', password: word }) });
    expect(await (await ask(password)).json()).toMatchObject({ token_type: 'Bearer' });
    const wrong = await ask('guess');
    expect([wrong.status, await wrong.json()]).toMatchObject([400, { error: 'invalid_grant' }]);
  });

  it('refuses an unknown client with 401 and a challenge, and an unknown grant with its error', async () => {
    const answer = await post(url('auth', '/auth/token'), { ...credentials, client_secret: 'no' });
    expect([answer.status, answer.headers.get('www-authenticate'), await answer.json()]).toMatchObject([401, 'Basic realm="tidegate-demo"', { error: 'invalid_client' }]);
    expect(await (await post(url('auth', '/auth/token'), { grant_type: 'magic' })).json()).toMatchObject({ error: 'unsupported_grant_type' });
    expect(await (await post(url('auth', '/auth/token'), {})).json()).toMatchObject({ error: 'invalid_request' });
  });
});

describe('orders, users, payments, products', () => {
  it('an order placed at one instance is seen at the other, by its owner only', async () => {
    const placed = await post(url('orders', '/api/orders', 0), { items: [{ productId: '1', quantity: 2 }] }, principal('alice', 'orders:write'));
    expect(placed.status).toBe(201);
    const path = placed.headers.get('location') ?? '';
    expect(await (await fetch(url('orders', path, 1), { headers: principal('alice') })).json()).toMatchObject({ totalCents: 2_500 });
    expect((await fetch(url('orders', path, 1), { headers: principal('bob') })).status).toBe(404);
  });

  it('checks what it is sent', async () => {
    const owner = principal('alice', 'orders:write');
    expect((await post(url('orders', '/api/orders'), { items: [] }, owner)).status).toBe(400);
    expect((await post(url('orders', '/api/orders'), { items: [{ productId: 'x', quantity: 1 }] }, owner)).status).toBe(422);
    expect((await post(url('orders', '/api/orders'), {}, principal('alice'))).status).toBe(403);
    expect((await fetch(url('orders', '/api/orders'))).status).toBe(401);
    expect((await fetch(url('products', '/api/products?limit=0'))).status).toBe(400);
    expect((await fetch(url('products', '/api/products/404'))).status).toBe(404);
  });

  it('tells the caller who it is', async () => {
    expect(await (await fetch(url('users', '/api/users/me'), { headers: principal('ålice', 'users:read') })).json()).toEqual({
      id: 'ålice',
      kind: 'jwt',
      scopes: ['users:read'],
      displayName: 'ålice',
    });
  });

  it('paying twice with one idempotency key is paying once', async () => {
    const pay = (amountCents: number) => post(url('payments', '/api/payments'), { orderId: 'o1', amountCents }, { ...principal('alice'), 'idempotency-key': 'k' });
    const [first, second] = [await pay(100), await pay(100)];
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(await second.json()).toEqual(await first.json());
    expect((await pay(200)).status).toBe(409);
  });
});

describe('site', () => {
  it('answers any path with the status and size that were asked for, by field or by query', async () => {
    const long = await fetch(url('site', '/site/a/b?status=404'), { headers: { 'x-demo-status': '206', 'x-demo-size': '1000001' } });
    expect([long.status, (await long.arrayBuffer()).byteLength]).toEqual([206, 1_000_001]);
    const short = await fetch(url('site', '/site/?status=404&size=3'));
    expect([short.status, await short.text()]).toEqual([404, 'The']);
    expect((await fetch(url('site', '/x'), { headers: { 'x-demo-status': '304', 'x-demo-size': '10' } })).status).toBe(304);
    expect((await fetch(url('site', '/x?status=99'))).status).toBe(400);
  });
});

describe('switches', () => {
  it('make an instance fail by ratio, or close the connection, until they are set back', async () => {
    const put = (switches: unknown) => fetch(url('orders', '/demo/switches', 1), { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(switches) });
    const ask = (at: number) => fetch(url('orders', '/api/orders', at), { headers: principal('alice') });
    await put({ failRatio: 0.5, failWith: 503 });
    const statuses = [await ask(1), await ask(1), await ask(1), await ask(1)].map(({ status }) => status);
    expect(statuses).toEqual([200, 503, 200, 503]);
    expect((await ask(0)).status).toBe(200);
    await put({ failRatio: 1, failWith: 'reset' });
    await expect(ask(1)).rejects.toThrow('fetch failed');
    expect((await put({ failRatio: 7 })).status).toBe(400);
    await put({});
    expect((await ask(1)).status).toBe(200);
  });
});

it('names role and address when a port is taken', async () => {
  const taken = demo.addresses.site?.[0] ?? anywhere;
  const observability = createObservability({ app: 'demo', instance: 'test', level: 'silent' });
  const again = bootstrap({ config: { ...config, demo: { site: [taken], switches: false } }, secrets, observability });
  await expect(again).rejects.toThrow(`demo.site 127.0.0.1:${taken.port}: listen EADDRINUSE`);
});

import { mkdtempSync, writeFileSync } from 'node:fs';
import { request, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureSecrets } from '@tidegate/auth';
import { loadConfig } from '@tidegate/config';
import { LimitMode, Reason, type Check, type Decision, type Event, type RequestEvent } from '@tidegate/grpc';
import { emptyDecision, type LimiterLink } from '@tidegate/limiter-client';
import { createObservability } from '@tidegate/observability';
import { startUpstream, waitUntil, type Upstream } from '@tidegate/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { bootstrap, type RunningIngress } from './bootstrap.js';

// Real: the gateway with its listeners, the network link to egress, sockets. Stand-ins with behaviour: the egress gateway
// (an HTTP server), the limiter (a counter), the publisher (a list).

const yaml = (egress: string, extra: string): string => `
version: 1
listeners:
  public: { address: "127.0.0.1:0" }
  replay: { address: "127.0.0.1:0", clientAddressFrom: x-forwarded-for, trustedProxies: [127.0.0.0/8] }
links: { egress: ["${egress}"] }
drain: { delay: 0s, timeout: 2s }
auth: { providers: { jwt: { type: jwt, algorithms: [HS256], secret: "0123456789abcdef0123456789abcdef" } } }
services: { things: { upstreams: ["http://127.0.0.1:9"], timeout: 2s } }
routes:
  - { name: open, match: { path: { template: "/things/{id}" }, methods: [GET, POST] }, service: things, maxBodyBytes: 1KiB }
  - { name: limited, match: { path: { prefix: /limited }, methods: [GET] }, service: things, policy: p }
  - { name: secret, match: { path: { exact: /secret }, methods: [GET] }, service: things, policy: p, auth: { providers: [jwt] }, require: { scopes: [a] } }
limiter: { policies: { p: { subject: "{client}", limits: [{ name: burst, key: "{client}", rate: 1, per: 1s, burst: 2 }] } } }
events: { spool: { directory: spool }${extra} }
`;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly listener?: 'public' | 'replay';
}

/** Two tokens, then denials; remembers what it was asked. */
function countingLimiter(): LimiterLink & { readonly checks: Check[] } {
  const checks: Check[] = [];
  return {
    checks,
    check(check) {
      checks.push(check);
      const allowed = checks.length <= 2;
      const limit = { limit: 'burst', mode: LimitMode.ENFORCE, allowed, rate: 1, perMs: 1_000, burst: 2, remaining: Math.max(0, 2 - checks.length), retryAfterMs: allowed ? undefined : 700, resetMs: 900, cost: 1, adjustment: undefined, overrideId: '', partition: Buffer.alloc(0), unit: '' };
      const decision: Decision = { ...emptyDecision(check), allowed, reason: allowed ? Reason.WITHIN_LIMITS : Reason.LIMIT_EXCEEDED, boundLimit: 'burst', remaining: limit.remaining, retryAfterMs: limit.retryAfterMs, limits: [limit], decisionId: 'd1' };
      return decision;
    },
    close: () => Promise.resolve(),
  };
}

describe('ingress gateway', () => {
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  async function start(onEgress: RequestListener, extra = ''): Promise<{ gateway: RunningIngress; limiter: ReturnType<typeof countingLimiter>; events: Event[]; egress: Upstream; ask: (path: string, options?: Ask) => Promise<Answer> }> {
    const egress = await startUpstream(onEgress);
    const folder = mkdtempSync(join(tmpdir(), 'tidegate-ingress-'));
    const file = join(folder, 'tidegate.yaml');
    writeFileSync(file, yaml(egress.url, extra));
    const limiter = countingLimiter();
    const events: Event[] = [];
    const publisher = { producerId: 'p', publish: (event: Event) => void events.push(event), flush: () => Promise.resolve(), close: () => Promise.resolve(), stats: () => ({}) as never };
    const gateway = await bootstrap({
      config: loadConfig({ file, env: {} }),
      secrets: ensureSecrets(join(folder, 'secrets')),
      observability: createObservability({ app: 'spec', instance: 'ingress-1', level: 'silent' }),
      publisher,
      limiterLink: limiter,
      ops: false,
    });
    cleanups.push(() => egress.close(), () => gateway.close());
    const ask = (path: string, options: Ask = {}) => askAt(gateway.addresses.get(options.listener ?? 'public')?.port ?? 0, path, options);
    return { gateway, limiter, events, egress, ask };
  }

  const requestEvents = (events: readonly Event[]): RequestEvent[] => events.flatMap(({ kind }) => (kind?.$case === 'request' ? [kind.value] : []));

  it('gateway/H3, H4, H5: egress sees our own fields once, and none a client forged', async () => {
    let seen: IncomingHttpHeaders = {};
    const { ask } = await start((req, res) => {
      seen = req.headers;
      res.end('ok');
    });
    const forged = { 'x-tidegate-token': 'mine', 'X-Tidegate-Principal': 'admin', 'l5d-dst-override': 'x', 'x-forwarded-for': '1.2.3.4', 'x-real-ip': '1.2.3.4', 'x-request-id': 'mine', x_tidegate_route: 'secret', connection: 'x-tidegate-route, keep-alive' };
    const answer = await ask('/things/7', { headers: forged });
    expect(answer.status).toBe(200);
    expect(seen).toMatchObject({ 'x-tidegate-route': 'open', 'x-tidegate-principal': 'anonymous', 'x-forwarded-for': '127.0.0.1', via: '1.1 tidegate-ingress' });
    expect(seen['x-tidegate-token']).toMatch(/^v1\./);
    expect(seen['x-request-id']).toBe(answer.headers['x-request-id']);
    for (const name of ['x-real-ip', 'l5d-dst-override', 'x_tidegate_route']) expect(seen[name]).toBeUndefined();
    expect(answer.headers['x-request-id']).not.toBe('mine');
  });

  it('gateway/H4: only the replay listener believes X-Forwarded-For and a request id', async () => {
    const { ask, events } = await start((_req, res) => res.end('ok'));
    const headers = { 'x-forwarded-for': '203.0.113.9, 127.0.0.1', 'x-request-id': 'replay-run-12' };
    expect((await ask('/things/7', { headers, listener: 'replay' })).headers['x-request-id']).toBe('replay-run-12');
    await ask('/things/7', { headers });
    expect(requestEvents(events)).toMatchObject([
      { clientAddress: '203.0.113.9', requestId: 'replay-run-12', replayLine: 12, principal: 'address:203.0.113.9' },
      { clientAddress: '127.0.0.1', replayLine: 0 },
    ]);
  });

  it('gateway/H5, limiter/H5: a client sees neither reserved fields nor RateLimit fields of an upstream', async () => {
    const { ask, events } = await start((_req, res) => {
      res.writeHead(201, { 'x-tidegate-egress': 'u=10.0.0.1:80;a=2;b=half-open;t=1.5', 'x-tidegate-backend': 'b', ratelimit: '"x";r=1', 'x-request-id': 'theirs', kept: 'yes' });
      res.end('body');
    });
    const { status, headers } = await ask('/things/7');
    expect(status).toBe(201);
    expect(headers).toMatchObject({ kept: 'yes', via: '1.1 tidegate-ingress' });
    for (const name of ['x-tidegate-egress', 'x-tidegate-backend', 'ratelimit']) expect(headers[name]).toBeUndefined();
    expect(headers['x-request-id']).not.toBe('theirs');
    expect(headers['x-tidegate-config']).toMatch(/^[0-9a-f]{12}$/);
    expect(requestEvents(events)).toMatchObject([{ upstream: '10.0.0.1:80', attempts: 2, breakerState: 'half-open', responseBytes: 4, resourceIds: ['7'], pathTemplate: '/things/{id}' }]);
  });

  it('limiter/H1, H2, H4: a denied request gets 429 with its wait and never reaches egress', async () => {
    const { ask, egress, events, limiter } = await start((_req, res) => res.end('ok'));
    expect((await ask('/limited')).headers).toMatchObject({ 'ratelimit-policy': '"burst";q=2;w=2', ratelimit: '"burst";r=1;t=1' });
    await ask('/limited');
    const denied = await ask('/limited');
    expect(denied.status).toBe(429);
    expect(denied.headers).toMatchObject({ 'retry-after': '1', ratelimit: '"burst";r=0;t=1', 'content-type': 'application/problem+json' });
    expect(JSON.parse(denied.body)).toMatchObject({ type: 'https://iana.org/assignments/http-problem-types#quota-exceeded', 'violated-policies': ['burst'], status: 429 });
    expect(egress.requests).toBe(2);
    expect(requestEvents(events).at(-1)).toMatchObject({ status: 429, faultCode: 'quota-exceeded', boundLimit: 'burst', decisionReason: Reason.LIMIT_EXCEEDED });
    expect(Object.keys(limiter.checks[0]?.attributes ?? {}).toSorted((a, b) => a.localeCompare(b))).toEqual(['address', 'auth', 'client', 'client.kind', 'fingerprint', 'method', 'plan', 'resource', 'route']);
  });

  it('gateway/A1, Z1: who may not use a route spends no tokens', async () => {
    const { ask, limiter, events } = await start((_req, res) => res.end('ok'));
    const none = await ask('/secret');
    expect([none.status, none.headers['www-authenticate']]).toEqual([401, 'Bearer realm="tidegate"']);
    const bad = await ask('/secret', { headers: { authorization: 'Bearer a.b.c' } });
    expect([bad.status, bad.headers['www-authenticate']]).toEqual([401, expect.stringContaining('error="invalid_token"')]);
    expect(limiter.checks).toEqual([]);
    expect(events.map(({ kind }) => kind?.$case)).toEqual(['request', 'security', 'request']);
  });

  it('gateway/R4, H1: 404, 405 with Allow, and 405 for a method that no route takes', async () => {
    const { ask } = await start((_req, res) => res.end('ok'));
    expect((await ask('/nope')).status).toBe(404);
    expect(await ask('/limited', { method: 'POST' })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    expect(await ask('/nope', { method: 'DELETE' })).toMatchObject({ status: 405, headers: { allow: '' } });
  });

  it('gateway/H6: a body above the route’s bound is 413, announced or not', async () => {
    const { ask, egress } = await start((req, res) => {
      req.resume().on('end', () => res.end('ok'));
    });
    expect((await ask('/things/7', { method: 'POST', body: 'x'.repeat(1_025) })).status).toBe(413);
    expect(egress.requests).toBe(0);
    const chunked = await ask('/things/7', { method: 'POST', body: 'x'.repeat(70_000), headers: { 'transfer-encoding': 'chunked' } });
    expect(chunked.status).toBe(413);
    expect((await ask('/things/7', { method: 'POST', body: 'x'.repeat(1_024) })).status).toBe(200);
  });

  it('gateway/H9, analytics/N1: a client that leaves is one event with 499, and egress hears of it', async () => {
    let isLeft = false;
    const { gateway, events } = await start((_req, res) => {
      res.on('close', () => (isLeft = true));
    });
    const req = request({ port: gateway.addresses.get('public')?.port, host: '127.0.0.1', path: '/things/7' });
    req.on('error', () => undefined);
    req.end();
    await waitUntil('the request reaches the gateway', () => (req.socket?.bytesWritten ?? 0) > 0);
    await new Promise((resolve) => void setTimeout(resolve, 50));
    req.destroy();
    await waitUntil('egress hears of it', () => isLeft);
    await waitUntil('one event', () => events.length === 1);
    expect(requestEvents(events)).toMatchObject([{ status: 499, faultCode: 'client-closed' }]);
  });

  it('analytics/N1: a refused head is one request event with route "-" and one security event', async () => {
    const { ask, events } = await start((_req, res) => res.end('ok'));
    expect((await ask('/a%2fb')).status).toBe(400);
    expect(new Set(events.map(({ kind }) => kind?.$case))).toEqual(new Set(['request', 'security']));
    expect(events).toHaveLength(2);
    expect(requestEvents(events)).toMatchObject([{ route: '-', status: 400, faultCode: 'bad-request', method: 'GET' }]);
  });

  it('gateway/H9: with egress away the answer is 502 or 503, a problem, and one event', async () => {
    const { ask, egress, events } = await start((_req, res) => res.end('ok'));
    await egress.close();
    const answer = await ask('/things/7');
    expect([502, 503]).toContain(answer.status);
    expect(answer.body).not.toMatch(/ECONN|127\.0\.0\.1/);
    expect(requestEvents(events)).toHaveLength(1);
  });
});

function askAt(port: number, path: string, { method = 'GET', headers = {}, body }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => (text += chunk.toString()));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text }));
    });
    req.on('error', reject);
    req.end(body);
  });
}

import { createPrivateKey, sign, type JsonWebKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { ensureSecrets } from '@tidegate/auth';
import { RawClient, freePort, waitUntil, type RunningProcess } from '@tidegate/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, problemOf, type Answer, type Question } from './ask.js';
import { startEcho, type EchoUpstream } from './echo-upstream.js';
import { writeStackConfig, type StackConfig } from './stack-config.js';
import { askAnalytics, startOneProcess } from './start-stack.js';
import { tidegate, tidegateJson } from './tidegate-cli.js';

// Real: the built gateway, all of it in one process, its demo services, sockets. Ours: the service `echo`, which tells what it saw.
let echo: EchoUpstream;
let config: StackConfig;
let stack: RunningProcess;
/** Every answer's request id, to be found in the analytics. */
const requestIds: string[] = [];
const drainDelayMs = 900;

async function through(path: string, more: Omit<Question, 'port' | 'path'> = {}, listener = 'public'): Promise<Answer> {
  const answer = await ask({ port: config.portOf(listener), path, ...more });
  requestIds.push(String(answer.fields['x-request-id']));
  return answer;
}

/** A token signed with the key of the auth service. */
function signToken(claims: Record<string, unknown>): string {
  const key = JSON.parse(readFileSync(join(config.folder, 'secrets/auth-signing-key.json'), 'utf8')) as JsonWebKey & { kid: string };
  const nowSeconds = Math.floor(Date.now() / 1_000);
  const all = { iss: 'tidegate-demo', aud: 'tidegate', sub: 'alice', iat: nowSeconds, exp: nowSeconds + 600, ...claims };
  const text = [{ alg: 'EdDSA', kid: key.kid, typ: 'JWT' }, all].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${sign(null, Buffer.from(text), createPrivateKey({ key, format: 'jwk' })).toString('base64url')}`;
}

const bearer = (token: string) => ({ fields: { authorization: `Bearer ${token}` } });

/** What the service saw of a request through `echo`. */
function seenBy({ body }: Answer): { method: string; url: string; bytes: number; fields: Map<string, string> } {
  const { fields, ...rest } = JSON.parse(body) as { method: string; url: string; bytes: number; fields: string[] };
  const seen = new Map<string, string>();
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] ?? '').toLowerCase();
    seen.set(name, [...(seen.has(name) ? [seen.get(name)] : []), fields[i + 1]].join(', '));
  }
  return { ...rest, fields: seen };
}

beforeAll(async () => {
  echo = await startEcho();
  const { url } = echo.upstream;
  const route = (name: string, rest: object = {}) => ({ name, match: { path: { prefix: `/${name}` } }, service: 'echo', ...rest });
  config = await writeStackConfig({
    routes: [
      route('echo'),
      route('small', { maxBodyBytes: '1KiB' }),
      route('stream', { stream: true, maxBodyBytes: '256MiB' }),
      route('tight', { policy: 'tight' }),
      route('claims', { auth: { providers: ['demo', 'keys'] } }),
      route('down', { service: 'down' }),
    ],
    keys: {
      drain: { delay: `${drainDelayMs}ms` },
      services: { echo: { upstreams: [url], timeout: '10s' }, down: { upstreams: [`http://127.0.0.1:${await freePort()}`], breaker: { minRequests: 5, openFor: '1s' } } },
      limiter: { policies: { tight: { subject: '{address}', limits: [{ name: 'burst', key: '{address}', rate: 1, per: '1m', burst: 2 }] } } },
    },
  });
  ensureSecrets(join(config.folder, 'secrets'));
  stack = await startOneProcess(config);
});

afterAll(async () => {
  await stack?.stop();
  await echo?.upstream.close();
  config?.remove();
});

/** Asserts the whole form of a refusal (gateway/H13). */
function expectProblem(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, body: problemOf(answer) }).toMatchObject({ status, body: { status, requestId: answer.fields['x-request-id'] } });
  const problem = problemOf(answer);
  expect(problem.type).toMatch(new RegExp(`[:#]${code}$`));
  expect(problem.title).not.toBe('');
  expect(answer.fields['content-type']).toBe('application/problem+json');
  expect(answer.fields['x-tidegate-config']).toMatch(/^[0-9a-f]{12}$/);
  expect(answer.body).not.toMatch(/127\.0\.0\.1|node_modules|ECONN/);
}

describe('bad input, from outside', { timeout: 60_000 }, () => {
  it('gateway/R4: an unknown path is 404, a wrong method 405 with Allow', async () => {
    expectProblem(await through('/nothing/here'), 404, 'not-found');
    const answer = await through('/api/products', { method: 'DELETE' });
    expectProblem(answer, 405, 'method-not-allowed');
    expect(answer.fields.allow?.split(', ').sort()).toEqual(['GET', 'HEAD']);
  });

  it('gateway/A1: no credential, a bad one and an expired one are 401 with WWW-Authenticate that says which', async () => {
    const none = await through('/api/orders');
    expectProblem(none, 401, 'unauthenticated');
    expect(none.fields['www-authenticate']).toMatch(/^Bearer/);
    expect(none.fields['www-authenticate']).not.toContain('error');
    const [head = '', payload = '', signature = ''] = signToken({}).split('.');
    const forged = [head, payload, signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))].join('.');
    for (const token of ['nonsense', forged, signToken({ exp: Math.floor(Date.now() / 1_000) - 60 }), signToken({ aud: 'someone else' })]) {
      const answer = await through('/api/orders', bearer(token));
      expectProblem(answer, 401, 'invalid-token');
      expect(answer.fields['www-authenticate']).toContain('error="invalid_token"');
    }
    const key = await through('/api/users/me', { fields: { 'x-api-key': 'tg_live_wrong' } });
    expect(key.status).toBe(401);
  });

  it('gateway/Z1: a token without the scope is 403', async () => {
    const answer = await through('/api/orders', bearer(signToken({ scope: 'users:read' })));
    expectProblem(answer, 403, 'insufficient-scope');
    expect(answer.fields['www-authenticate']).toContain('error="insufficient_scope"');
    expect((await through('/api/payments', { method: 'POST', ...bearer(signToken({ scope: 'orders:read' })) })).status).toBe(403);
  });

  it('gateway/H6: too long a target is 414, too many or too large fields 431, too large a body 413 whether announced or not', async () => {
    expectProblem(await through(`/echo?${'x'.repeat(8_200)}`), 414, 'uri-too-long');
    expectProblem(await through('/echo', { fields: { large: 'x'.repeat(16_400) } }), 431, 'fields-too-large');
    expectProblem(await through('/echo', { fields: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`f${i}`, '1'])) }), 431, 'fields-too-large');
    expectProblem(await through('/small', { method: 'POST', body: Buffer.alloc(1_025), fields: { 'content-length': '1025' } }), 413, 'body-too-large');
    expectProblem(await through('/small', { method: 'POST', body: Buffer.alloc(3_000), fields: { 'transfer-encoding': 'chunked' } }), 413, 'body-too-large');
    expect(seenBy(await through('/small', { method: 'POST', body: Buffer.alloc(1_024) })).bytes).toBe(1_024);
  });

  it.each([
    ['two Hosts', 'GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['no Host', 'GET /echo HTTP/1.1\r\n\r\n'],
    ['Content-Length beside Transfer-Encoding', 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['white space before a colon', 'GET /echo HTTP/1.1\r\nHost: a\r\nx : 1\r\n\r\n'],
    ['a bad escape in the path', 'GET /echo/%zz HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['an encoded slash', 'GET /echo/a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['no method of HTTP', 'FROBNICATE /echo HTTP/1.1\r\nHost: a\r\n\r\n'],
  ])('gateway/H1: %s is 400 and nothing reaches the service', async (_what, bytes) => {
    const before = echo.upstream.requests;
    const client = new RawClient(config.portOf('public'));
    client.write(bytes);
    await client.untilAnswers(1);
    const [answer] = client.finals;
    expect(answer?.status).toBe(400);
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({ type: 'urn:problem-type:tidegate:bad-request', status: 400 });
    await client.closed;
    expect(echo.upstream.requests).toBe(before);
  });

  it('limiter/H1, H2: a client over its limit is 429 with Retry-After, RateLimit fields and the limit that said no', async () => {
    const answers = [await through('/tight'), await through('/tight'), await through('/tight')];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers.map(({ fields }) => fields['ratelimit-policy'])).toEqual(Array.from({ length: 3 }, () => '"burst";q=2;w=120'));
    expect(answers.map(({ fields }) => /^"burst";r=(\d)/.exec(String(fields['ratelimit']))?.[1])).toEqual(['1', '0', '0']);
    const [, , denied] = answers as [Answer, Answer, Answer];
    expectProblem(denied, 429, 'quota-exceeded');
    expect(problemOf(denied)).toMatchObject({ type: 'https://iana.org/assignments/http-problem-types#quota-exceeded', 'violated-policies': ['burst'] });
    const waitSeconds = Number(denied.fields['retry-after']);
    expect(waitSeconds).toBeGreaterThan(30);
    expect(waitSeconds).toBeLessThanOrEqual(60);
  });
});

describe('credentials', { timeout: 60_000 }, () => {
  it('gateway/A1: a token of the auth service, asked for by the command line, opens what its scopes allow', async () => {
    const { output } = await tidegate(config, 'token', '--sub', 'alice', '--scope', 'orders:read');
    const answer = await through('/api/orders', bearer(output.trim()));
    expect(answer.status).toBe(200);
    expect(answer.fields['ratelimit-policy']).toBe('"burst";q=100;w=2, "daily";q=20000;w=17280');
    expect((await through('/api/payments', { method: 'POST', ...bearer(output.trim()) })).status).toBe(403);
  });

  it('gateway/Z5: the service is told who it is; a bearer token passes, an API key does not', async () => {
    const token = signToken({ sub: 'mallory', scope: 'orders:read' });
    const seen = seenBy(await through('/claims', { fields: { authorization: `Bearer ${token}`, 'x-tidegate-principal': 'forged' } }));
    expect(seen.fields.get('authorization')).toBe(`Bearer ${token}`);
    expect(seen.fields.get('x-tidegate-principal')).toContain('mallory');
    expect(seen.fields.get('x-tidegate-principal')).not.toContain('forged');
  });

  it('gateway/A4: a key is in force within a second, named to the service, and refused within a second of its end', async () => {
    const made = await tidegateJson<{ id: string; key: string }>(config, 'keys', 'create', '--consumer', 'acme', '--scope', 'users:read');
    const withKey = () => through('/claims', { fields: { 'x-api-key': made.key } });
    const granted = await waitUntil('the key is in force', async () => withKey().then((answer) => (answer.status === 200 ? answer : undefined)), 3_000);
    const seen = seenBy(granted);
    expect(seen.fields.has('x-api-key')).toBe(false);
    expect(seen.fields.get('x-tidegate-principal')).toContain(made.id);
    expect(JSON.stringify([...seen.fields])).not.toContain(made.key);
    expect((await tidegate(config, 'keys', 'revoke', made.id)).code).toBe(0);
    const refused = await waitUntil('the key has ended', async () => withKey().then((answer) => (answer.status === 401 ? answer : undefined)), 3_000);
    expectProblem(refused, 401, 'invalid-token');
    expect(stack.output()).not.toContain(made.key);
  });
});

describe('what passes, and what does not', { timeout: 60_000 }, () => {
  it('gateway/H8, R4: HEAD has the fields of GET and no body', async () => {
    const [get, head] = [await through('/api/products'), await through('/api/products', { method: 'HEAD' })];
    expect([head.status, head.body]).toEqual([200, '']);
    expect(head.fields['content-type']).toBe(get.fields['content-type']);
  });

  it('gateway/K2, H5: every answer has a request id of ours and the version of the configuration', async () => {
    const answers = [await through('/echo'), await through('/echo', { fields: { 'x-request-id': 'mine' } }), await through('/nothing')];
    const ids = answers.map(({ fields }) => String(fields['x-request-id']));
    expect(new Set(ids).size).toBe(3);
    expect(ids).not.toContain('mine');
    expect(new Set(answers.map(({ fields }) => fields['x-tidegate-config'])).size).toBe(1);
    expect(seenBy(answers[0] as Answer).fields.get('x-request-id')).toBe(ids[0]);
  });

  it('gateway/H5: reserved fields of a client reach no service, those of a service no client', async () => {
    const reserved = { 'x-tidegate-route': 'admin', 'x-tidegate-token': 'v1.x', 'x-tidegate-deadline': '1', 'x-tidegate-principal': 'root', 'l5d-dst-override': 'evil', x_tidegate_token: 'twin' };
    const answer = await through('/echo', { fields: { ...reserved, kept: 'yes' } });
    const { fields } = seenBy(answer);
    expect([...fields.keys()].filter((name) => name.startsWith('l5d-') || name.includes('_'))).toEqual([]);
    expect([...fields.keys()].filter((name) => name.startsWith('x-tidegate-'))).toEqual(['x-tidegate-principal']);
    expect(fields.get('x-tidegate-principal')).not.toContain('root');
    expect(fields.get('kept')).toBe('yes');
    expect(Object.keys(answer.fields).filter((name) => name.startsWith('x-tidegate-') || name.startsWith('l5d-') || name === 'ratelimit')).toEqual(['x-tidegate-config']);
    expect(answer.fields['x-tidegate-config']).toMatch(/^[0-9a-f]{12}$/);
  });

  it('gateway/H3, H4: hop-by-hop fields stay on their hop; Via and forwarded fields are ours', async () => {
    const fields = { connection: 'keep-alive, x-mine', 'x-mine': '1', te: 'trailers, deflate', 'x-forwarded-for': '198.51.100.1', forwarded: 'for=198.51.100.1', 'x-real-ip': '198.51.100.1' };
    const seen = seenBy(await through('/echo', { fields })).fields;
    expect(seen.has('x-mine')).toBe(false);
    expect(seen.has('forwarded')).toBe(false);
    expect(seen.has('x-real-ip')).toBe(false);
    expect(seen.get('x-forwarded-for')).toBe('127.0.0.1');
    expect(seen.get('x-forwarded-proto')).toBe('http');
    expect(seen.get('via')).toBe('1.1 tidegate-ingress, 1.1 tidegate-egress');
  });

  it('gateway/H4: X-Forwarded-For says who the client is on the replay listener alone', async () => {
    const named = (client: string, listener: string) => through('/tight', { fields: { 'x-forwarded-for': client } }, listener);
    // The address of the socket has spent its two tokens above.
    expect((await named('198.51.100.21', 'public')).status).toBe(429);
    const statuses = [];
    for (let i = 0; i < 3; i += 1) statuses.push((await named('198.51.100.22', 'replay')).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await named('198.51.100.23', 'replay')).status).toBe(200);
    const seen = seenBy(await through('/echo', { fields: { 'x-forwarded-for': '198.51.100.24' } }, 'replay')).fields;
    expect(seen.get('x-forwarded-for')).toBe('198.51.100.24, 127.0.0.1');
  });

  it('gateway/H5: egress answers nobody but the ingress gateway', async () => {
    const before = echo.upstream.requests;
    for (const fields of [{}, { 'x-tidegate-route': 'echo' }, { 'x-tidegate-route': 'echo', 'x-tidegate-token': 'v1.kid.up.9999999999.AAAA' }] as Record<string, string>[]) {
      const answer = await ask({ port: config.portOf('egress'), path: '/echo', fields });
      expect([answer.status, problemOf(answer).type]).toEqual([403, 'urn:problem-type:tidegate:caller-not-allowed']);
    }
    expect(echo.upstream.requests).toBe(before);
  });

  it('gateway/A11: the admin token stands before the analytics', async () => {
    expect((await ask({ port: config.portOf('analytics'), path: '/v1/summary' })).status).toBe(401);
    expect((await ask({ port: config.portOf('analytics'), path: '/v1/summary', ...bearer('guess') })).status).toBe(401);
  });
});

describe('services and bodies', { timeout: 120_000 }, () => {
  it('gateway/U4: a service that is down is 502, then 503 with Retry-After; other routes are untouched', async () => {
    const first = await through('/down');
    expectProblem(first, 502, 'upstream-unreachable');
    const answers = [first];
    for (let i = 0; i < 12; i += 1) answers.push(await through('/down'));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([502, 503]));
    const open = answers.at(-1) as Answer;
    expectProblem(open, 503, 'upstream-unavailable');
    expect(Number(open.fields['retry-after'])).toBeGreaterThanOrEqual(1);
    expect((await through('/echo')).status).toBe(200);
  });

  it('gateway/W2: events arrive as they are sent, and a client that leaves ends the call', async () => {
    const client = new RawClient(config.portOf('public'));
    client.write('GET /stream/events?name=sse HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until(() => client.received.includes('id: 3'));
    expect(client.isClosed).toBe(false);
    expect(echo.open.has('sse')).toBe(true);
    client.destroy();
    await waitUntil('the service sees it', () => (echo.cancelled.includes('sse') ? true : undefined), 5_000);
  });

  it('gateway/H9: a client that leaves before the answer cancels the call', async () => {
    const client = new RawClient(config.portOf('public'));
    client.write('GET /echo/silent?name=left HTTP/1.1\r\nHost: a\r\n\r\n');
    await waitUntil('the service has it', () => (echo.open.has('left') ? true : undefined), 5_000);
    client.destroy();
    expect(await waitUntil('the service sees it', () => (echo.cancelled.includes('left') ? true : undefined), 5_000)).toBe(true);
  });

  it('gateway/H8: 50 MiB pass both ways, and three times as much takes no more memory', async () => {
    const residentMiB = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${stack.pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
    let highest = 0;
    const timer = setInterval(() => (highest = Math.max(highest, residentMiB())), 20);
    const bothWays = async (mebibytes: number): Promise<number> => {
      const bytes = mebibytes * 1_048_576;
      expect(seenBy(await through('/stream', { method: 'POST', body: Buffer.alloc(bytes) })).bytes).toBe(bytes);
      expect(await readSlowly(`/stream/large?mib=${mebibytes}`)).toBe(bytes);
      return highest;
    };
    // The first time buffers grow to what they need; after that nothing depends on how long a body is.
    const warm = await bothWays(50);
    expect((await bothWays(150)) - warm).toBeLessThan(50);
    clearInterval(timer);
  });
});

/** Reads an answer with a pause in its middle; how many bytes it had. */
function readSlowly(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: config.portOf('public'), path, agent: false }, (response) => {
      requestIds.push(String(response.headers['x-request-id']));
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      response.once('end', () => resolve(bytes));
      response.once('error', reject);
      response.once('data', () => {
        response.pause();
        setTimeout(() => response.resume(), 500);
      });
    })
      .once('error', reject)
      .end();
  });
}

interface RecordedRequest {
  readonly requestId: string;
  readonly degraded: boolean;
}

interface EventPage {
  readonly items: readonly RecordedRequest[];
  readonly next?: string | null;
}

/** All request events. */
async function events(): Promise<RecordedRequest[]> {
  const found: RecordedRequest[] = [];
  let cursor = '';
  do {
    const { items, next } = await askAnalytics<EventPage>(config, `/v1/events?pageSize=1000${cursor === '' ? '' : `&cursor=${cursor}`}`);
    found.push(...items);
    cursor = next ?? '';
  } while (cursor !== '');
  return found;
}

/** Their ids, with repetitions. */
const eventIds = async (): Promise<string[]> => (await events()).map(({ requestId }) => requestId);

describe('the story afterwards', { timeout: 60_000 }, () => {
  it('limiter/F2, C4: a process that stood still for a moment decides all that waited, and exactly', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const fields = { 'x-forwarded-for': '198.51.100.99' };
    await through('/site/before', { agent, fields }, 'replay');
    stack.signal('SIGSTOP');
    const waiting = Array.from({ length: 40 }, () => through('/site/during', { agent, fields }, 'replay'));
    await new Promise((resolve) => void setTimeout(resolve, 400));
    stack.signal('SIGCONT');
    expect(new Set((await Promise.all(waiting)).map(({ status }) => status))).toEqual(new Set([200]));
    agent.destroy();
  });

  it('analytics/N1: every request above is one event', async () => {
    await waitUntil('all are there', async () => {
      const ids = new Set(await eventIds());
      return requestIds.every((id) => ids.has(id)) ? true : undefined;
    }, 15_000).catch(() => undefined);
    const ids = await eventIds();
    const counts = new Map<string, number>();
    for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
    expect(requestIds.filter((id) => counts.get(id) !== 1)).toEqual([]);
    expect([...counts.values()].filter((count) => count > 1)).toEqual([]);
    // Buckets in memory never miss a deadline.
    expect((await events()).filter(({ degraded }) => degraded)).toEqual([]);
  });

  it('gateway/H12: SIGTERM under load fails no request, finishes what is in flight and ends with 0; nothing is lost', async () => {
    const agent = new Agent({ keepAlive: true });
    const statuses: number[] = [];
    let stoppedAtMs = Infinity;
    // As behind a load balancer that has seen /readyz before the listener closes.
    const mayConnect = () => performance.now() < stoppedAtMs + drainDelayMs / 3;
    let told = 0;
    const work = async (): Promise<void> => {
      for (;;) {
        const answer = await through('/echo', { agent });
        statuses.push(answer.status);
        if (answer.fields.connection !== 'close') continue;
        told += 1;
        if (!mayConnect()) return;
      }
    };
    const workers = Array.from({ length: 4 }, work);
    const slow = through(`/echo/slow?ms=${drainDelayMs + 500}`);
    await waitUntil('the load runs', () => (statuses.length > 40 ? true : undefined), 10_000);
    stoppedAtMs = performance.now();
    stack.signal('SIGTERM');
    await Promise.all(workers);
    expect((await slow).body).toBe('late');
    expect(await stack.exited).toBe(0);
    agent.destroy();
    expect(told).toBeGreaterThan(4);
    expect(new Set(statuses)).toEqual(new Set([200]));
    stack = await startOneProcess(config);
    const ids = new Set(await eventIds());
    expect(requestIds.filter((id) => !ids.has(id))).toEqual([]);
  });
});

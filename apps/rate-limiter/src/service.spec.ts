import { createRequire } from 'node:module';
import { credentials, loadPackageDefinition, Metadata, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { RateLimitServiceClient, Reason, type Check, type Decision, type Event, type StreamChecksRequest, type StreamChecksResponse } from '@tidegate/grpc';
import { buildCheck, createLimiterClient } from '@tidegate/limiter-client';
import { createObservability } from '@tidegate/observability';
import { compilePolicies, limiterSchema } from '@tidegate/rate-limit';
import { fakeClock } from '@tidegate/testkit';
import { formatAddress } from '@tidegate/units';
import { afterEach, describe, expect, it } from 'vitest';
import { bootstrap, type BootstrapOptions, type RunningLimiter } from './index.js';

const policies = {
  users: {
    subject: '{client}',
    limits: [
      { name: 'burst', key: '{client}', rate: 10, per: '1h', burst: 20 },
      { name: 'daily', key: '{client}', rate: 100, per: '1d' },
    ],
  },
  blocked: { subject: '{client}', limits: [{ name: 'none', key: '{client}', rate: 0, per: '1s' }] },
  orders: { subject: '{tenant}', limits: [{ name: 'each', key: '{tenant}:{user|anonymous}', rate: 5, per: '1h' }] },
};

const limiterConfig = (extra: object = {}) => limiterSchema.parse({ policies, ...extra });
const loopback = { host: '127.0.0.1', port: 0 };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function startLimiter(options: Partial<BootstrapOptions> = {}) {
  const events: Event[] = [];
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const observability = createObservability({ app: 'rate-limiter', instance: 'limiter-1', level: 'info', destination });
  const running = await bootstrap({
    config: { limiter: limiterConfig(), configVersion: 'aaaaaaaaaaaa', listeners: { limiter: { address: loopback }, ops: { address: loopback } } },
    secrets: { adminToken: 'admin' },
    observability,
    publisher: { publish: (event) => void events.push(event) },
    ops: false,
    listen: true,
    ...options,
  });
  cleanups.push(() => running.close());
  return { ...running, target: formatAddress(running.address ?? loopback), events, lines, observability };
}

function rawClient(target: string): RateLimitServiceClient {
  const client = new RateLimitServiceClient(target, credentials.createInsecure());
  cleanups.push(() => client.close());
  return client;
}

function unary(client: RateLimitServiceClient, check: Check | undefined, deadline?: Date): Promise<Decision> {
  return new Promise((resolve, reject) => {
    client.checkLimit({ check }, new Metadata(), deadline === undefined ? {} : { deadline }, (error, response) => (error ? reject(error) : resolve(response.decision!)));
  });
}

const unaryError = (client: RateLimitServiceClient, check: Check | undefined): Promise<ServiceError> =>
  unary(client, check).then(
    () => expect.unreachable('a decision'),
    (error: ServiceError) => error,
  );

/** A raw stream: what it got so far, and what to send. */
function openStream(target: string) {
  const call = rawClient(target).streamChecks();
  const responses: StreamChecksResponse[] = [];
  const end = Promise.withResolvers<ServiceError | undefined>();
  call.on('data', (response: StreamChecksResponse) => responses.push(response));
  call.on('error', (error: ServiceError) => end.resolve(error));
  call.on('end', () => end.resolve(undefined));
  cleanups.push(() => call.cancel());
  const send = (request: Partial<StreamChecksRequest>) => call.write({ hello: undefined, items: [], ...request });
  const results = () => responses.flatMap((response) => response.results);
  return { call, send, responses, results, ended: end.promise };
}

const check = (client = 'alice', extra: Partial<Check> = {}) => buildCheck('users', { client }, extra);

describe('decisions', () => {
  it('limiter/P1: the decision is in the message, by unary call and by stream', async () => {
    const { target } = await startLimiter();
    const decision = await unary(rawClient(target), check('alice', { checkId: 'c-1' }));
    expect(decision).toMatchObject({ allowed: true, reason: Reason.WITHIN_LIMITS, policy: 'users', boundLimit: 'burst', remaining: 19, checkId: 'c-1', configVersion: 'aaaaaaaaaaaa' });
    const link = createLimiterClient({ targets: [target], clientGroup: 'spec', instance: 'spec-1' });
    cleanups.push(() => link.close());
    expect(await link.check(check('alice'))).toMatchObject({ allowed: true, remaining: 18 });
    expect(await link.check(check('alice', { cost: 19 }))).toMatchObject({ allowed: false, reason: Reason.LIMIT_EXCEEDED, remaining: 18, boundLimit: 'burst' });
  });

  it('limiter/X1: a verbose decision tells every limit, what it is, what is left, what it cost', async () => {
    const { link } = await startLimiter();
    const decision = (await link.check(check('bob', { verbose: true, limitCosts: { daily: 3 } })));
    expect(decision.limits.map(({ limit, rate, perMs, burst, remaining, cost }) => ({ limit, rate, perMs, burst, remaining, cost }))).toEqual([
      { limit: 'burst', rate: 10, perMs: 3_600_000, burst: 20, remaining: 19, cost: 1 },
      { limit: 'daily', rate: 100, perMs: 86_400_000, burst: 100, remaining: 97, cost: 3 },
    ]);
  });

  it('limiter/X1: one log line per denial, at most 100 per second, without keys', async () => {
    const { link, lines } = await startLimiter();
    for (let n = 0; n < 150; n += 1) await link.check(buildCheck('blocked', { client: 'secret-name' }));
    const denials = lines.filter(({ msg }) => msg === 'denied');
    expect(denials.length).toBeGreaterThanOrEqual(100);
    expect(denials.length).toBeLessThan(150);
    expect(denials[0]).toMatchObject({ policy: 'blocked', limit: 'none', reason: 'BLOCKED', configVersion: 'aaaaaaaaaaaa' });
    expect(JSON.stringify(lines)).not.toContain('secret-name');
  });

  it('gateway/U10: with buckets in memory the link in this process answers without a promise', async () => {
    const { link } = await startLimiter({ listen: false });
    expect(link.check(check())).toMatchObject({ allowed: true, remaining: 19 });
    expect(() => link.check(buildCheck('nope', {}))).toThrowError('nope');
  });

  it('limiter/P11: reserved attributes reach the templates, defaults stand in for what is not sent', async () => {
    const { link } = await startLimiter();
    const ask = (attributes: Record<string, string>) => link.check(buildCheck('orders', attributes));
    expect(await ask({ tenant: 'a', route: 'r', method: 'GET' })).toMatchObject({ remaining: 4 });
    expect(await ask({ tenant: 'a', user: 'anonymous' })).toMatchObject({ remaining: 3 });
    expect(await ask({ tenant: 'a', user: 'bob' })).toMatchObject({ remaining: 4 });
  });

  it('limiter/F9: decisions are counted by names of the config alone', async () => {
    const { link, observability } = await startLimiter();
    await link.check(check());
    await link.check(buildCheck('blocked', { client: 'x' }));
    await expect.poll(() => observability.registry.metrics(), { timeout: 5_000 }).toContain('tidegate_limiter_decisions_total{policy="users",limit="burst",mode="enforce",result="allowed",reason="WITHIN_LIMITS"} 1');
    expect(await observability.registry.metrics()).toContain('tidegate_limiter_decisions_total{policy="blocked",limit="none",mode="enforce",result="denied",reason="BLOCKED"} 1');
  });
});

describe('limiter/P10: every row of the error table, by unary call and by stream', () => {
  const big = 'x'.repeat(257);
  const rows: [title: string, check: Check | undefined, expected: [status: number, code: string]][] = [
    ['no check', undefined, [3, 'EMPTY_POLICY']],
    ['empty policy', buildCheck('', {}), [3, 'EMPTY_POLICY']],
    ['unknown policy', buildCheck('nope', { client: 'a' }), [5, 'UNKNOWN_POLICY']],
    ['missing attribute', buildCheck('users', { user: 'a' }), [3, 'MISSING_ATTRIBUTE']],
    ['17 attributes', buildCheck('users', Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`a${n}`, 'x']))), [3, 'TOO_LARGE']],
    ['a value of 257 bytes', buildCheck('users', { client: big }), [3, 'TOO_LARGE']],
    ['a key of 257 bytes', buildCheck('users', { client: 'a', [big]: 'x' }), [3, 'TOO_LARGE']],
    ['a check id of 65 bytes', check('alice', { checkId: 'x'.repeat(65) }), [3, 'TOO_LARGE']],
  ];

  it.each(rows)('%s', async (_title, bad, [status, code]) => {
    const { target } = await startLimiter();
    const error = await unaryError(rawClient(target), bad);
    expect([error.code, error.metadata.get('tidegate-error')]).toEqual([status, [code]]);
    const stream = openStream(target);
    stream.send({ items: [{ id: 1, check: check() }, { id: 2, check: bad }, { id: 3, check: check() }] });
    await expect.poll(() => stream.results().length).toBe(3);
    expect(stream.results().find(({ id }) => id === 2)?.outcome).toMatchObject({ $case: 'error', value: { code, retryable: false } });
    expect(stream.results().filter(({ outcome }) => outcome?.$case === 'decision')).toHaveLength(2);
  });

  it('256 bytes and 16 attributes are not too large', async () => {
    const { target } = await startLimiter();
    const attributes = Object.fromEntries(Array.from({ length: 15 }, (_, n) => [`a${n}`, 'x'.repeat(256)]));
    await expect(unary(rawClient(target), buildCheck('users', { ...attributes, client: '\u{20AC}'.repeat(85) + 'x' }))).resolves.toMatchObject({ allowed: true });
  });

  it('128 items are answered, 129 are refused one by one', async () => {
    const { target } = await startLimiter();
    const stream = openStream(target);
    const items = (count: number, from: number) => Array.from({ length: count }, (_, n) => ({ id: from + n, check: check('alice', { cost: 0 }) }));
    stream.send({ items: items(128, 0) });
    await expect.poll(() => stream.results().length).toBe(128);
    expect(stream.results().every(({ outcome }) => outcome?.$case === 'decision')).toBe(true);
    stream.send({ items: items(129, 1_000) });
    await expect.poll(() => stream.results().length).toBe(128 + 129);
    expect(stream.results().slice(128).every(({ outcome }) => outcome?.$case === 'error' && outcome.value.code === 'TOO_LARGE')).toBe(true);
  });

  it('a message above 64 KiB ends the stream with RESOURCE_EXHAUSTED', async () => {
    const { target } = await startLimiter();
    const stream = openStream(target);
    stream.send({ items: [{ id: 1, check: buildCheck('users', { client: 'x'.repeat(66_000) }) }] });
    expect((await stream.ended)?.code).toBe(8);
  });
});

describe('streams', () => {
  it('limiter/P2: every accepted id is answered once; an id in flight twice is refused', async () => {
    const { target } = await startLimiter();
    const stream = openStream(target);
    const ids = Array.from({ length: 500 }, (_, n) => (n * 7_919) % 500);
    for (let start = 0; start < 500; start += 100) stream.send({ items: ids.slice(start, start + 100).map((id) => ({ id, check: check(`c${id}`) })) });
    await expect.poll(() => stream.results().length).toBe(500);
    expect(new Set(stream.results().map(({ id }) => id)).size).toBe(500);
  });

  it('limiter/P2: answers a message without items with its credit and the size of the group', async () => {
    const { target } = await startLimiter();
    const stream = openStream(target);
    stream.send({ hello: { clientGroup: 'ingress', instance: 'a' } });
    await expect.poll(() => stream.responses.length).toBe(1);
    expect(stream.responses[0]).toMatchObject({ credit: 1_024, groupSize: 1, draining: false, results: [] });
    const other = openStream(target);
    other.send({ hello: { clientGroup: 'ingress', instance: 'b' } });
    await expect.poll(() => other.responses[0]?.groupSize).toBe(2);
  });

  it('limiter/P2: a client that ends its side still gets every answer', async () => {
    const { target } = await startLimiter();
    const stream = openStream(target);
    stream.send({ items: [{ id: 1, check: check() }] });
    stream.call.end();
    expect(await stream.ended).toBeUndefined();
    expect(stream.results()).toHaveLength(1);
  });

  it('limiter/F7: draining is told on the streams, what was accepted is answered, and the process lets go', async () => {
    const started = await startLimiter();
    const link = createLimiterClient({ targets: [started.target], clientGroup: 'spec', instance: 'spec-1', onLimiterFailure: 'deny' });
    cleanups.push(() => link.close());
    await link.ready(1_000);
    const answers = Array.from({ length: 50 }, async (_, n) => link.check(check(`d${n}`)));
    const begin = performance.now();
    await started.close();
    expect(performance.now() - begin).toBeLessThan(5_000);
    expect((await Promise.all(answers)).every(({ reason }) => reason === Reason.WITHIN_LIMITS)).toBe(true);
    expect(started.observability.health.isReady).toBe(false);
    expect(started.events.map(({ kind }) => kind?.$case === 'lifecycle' && kind.value.what)).toEqual(['ready', 'draining', 'stopped']);
  });
});

describe('limiter/P8: health and reflection', () => {
  const require = createRequire(import.meta.url);
  const serviceName = 'tidegate.ratelimit.v1.RateLimitService';
  type AnyClient = Record<string, (...args: unknown[]) => ClientDuplexStream<object, Record<string, unknown>>>;

  function anyClient(file: string, path: readonly string[], target: string): AnyClient {
    let definition: unknown = loadPackageDefinition(loadSync(file, { enums: String, defaults: true, bytes: Buffer }));
    for (const part of path) definition = (definition as Record<string, unknown>)[part];
    const client = new (definition as new (target: string, creds: unknown) => AnyClient & { close(): void })(target, credentials.createInsecure());
    cleanups.push(() => client.close());
    return client;
  }

  it('says SERVING overall and for the service', async () => {
    const { target } = await startLimiter();
    const { protoPath } = require('grpc-health-check') as { protoPath: string };
    const client = anyClient(protoPath, ['grpc', 'health', 'v1', 'Health'], target);
    for (const service of ['', serviceName]) {
      const status = await new Promise((resolve) => {
        client['check']?.({ service }, (_error: unknown, reply: { status: string }) => resolve(reply.status));
      });
      expect(status).toBe('SERVING');
    }
  });

  it('describes the service to callers without the .proto', async () => {
    const { target } = await startLimiter();
    const file = require.resolve('@grpc/reflection').replace(/src\/index\.js$/, 'proto/grpc/reflection/v1/reflection.proto');
    const call = anyClient(file, ['grpc', 'reflection', 'v1', 'ServerReflection'], target)['serverReflectionInfo']?.();
    const replies: Record<string, unknown>[] = [];
    call?.on('error', () => {});
    call?.on('data', (reply: Record<string, unknown>) => replies.push(reply));
    call?.write({ listServices: '' });
    call?.write({ fileContainingSymbol: serviceName });
    await expect.poll(() => replies.length).toBe(2);
    expect(JSON.stringify(replies[0])).toContain(serviceName);
    expect(JSON.stringify(replies[1])).toContain('fileDescriptorResponse');
    call?.end();
  });
});

describe('policies in force', () => {
  const next = (extra: object) => compilePolicies(limiterSchema.parse({ policies: extra }), 'bbbbbbbbbbbb');

  it('limiter/G2, B8: another set takes over as a whole and resets no bucket', async () => {
    const { link, replacePolicies } = await startLimiter();
    await link.check(check('alice', { cost: 15 }));
    replacePolicies(next({ users: { subject: '{client}', limits: [{ name: 'burst', key: '{client}', rate: 10, per: '1h', burst: 10 }] } }));
    expect(await link.check(check())).toMatchObject({ allowed: true, remaining: 4, configVersion: 'bbbbbbbbbbbb' });
  });

  it('limiter/P10: a removed policy is served for 10 s, then unknown', async () => {
    const clock = fakeClock();
    const { link, replacePolicies } = await startLimiter({ clock, listen: false });
    replacePolicies(next({}));
    clock.advance(9_999);
    expect(link.check(check())).toMatchObject({ allowed: true });
    clock.advance(1);
    expect(() => link.check(check())).toThrowError('users');
  });

  it('limiter/G2: a refused set is counted and the last good one goes on', async () => {
    const { link, refusePolicies, observability, lines } = await startLimiter();
    refusePolicies('tidegate.yaml:3:1 limiter: ...');
    expect(await link.check(check())).toMatchObject({ allowed: true, configVersion: 'aaaaaaaaaaaa' });
    expect(await observability.registry.metrics()).toContain('tidegate_limiter_config_refused_total 1');
    expect(lines.some(({ level, reason }) => level === 'error' && reason === 'tidegate.yaml:3:1 limiter: ...')).toBe(true);
  });
});

it('a busy port is a clear error', async () => {
  const { address } = await startLimiter();
  const busy: Promise<RunningLimiter> = startLimiter({
    config: { limiter: limiterConfig(), configVersion: 'aaaaaaaaaaaa', listeners: { limiter: { address: address! }, ops: { address: loopback } } },
  });
  await expect(busy).rejects.toThrowError(`limiter listener ${formatAddress(address!)}`);
});

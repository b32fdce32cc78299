import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { LimitMode, RateLimitServiceService, Reason, type Check, type Decision, type LimitResult, type StreamChecksRequest, type StreamChecksResponse } from '@tidegate/grpc';
import { compilePolicies, limiterSchema } from '@tidegate/rate-limit';
import { afterEach, describe, expect, it } from 'vitest';
import { buildCheck, createLimiterClient, emptyDecision, LimiterError, type LimiterClient, type LimiterClientOptions } from './index.js';

type Call = ServerDuplexStream<StreamChecksRequest, StreamChecksResponse>;
type Script = (request: StreamChecksRequest, call: Call) => void;

/** A gRPC server on a real socket whose behaviour a spec writes: it answers, drops, delays, drains, dies. */
async function startScriptedLimiter(script: Script, port = 0) {
  const server = new Server();
  const calls: Call[] = [];
  const requests: StreamChecksRequest[] = [];
  server.addService(RateLimitServiceService, {
    checkLimit: (call: { request: { check?: Check } }, callback: (error: null, response: object) => void) =>
      callback(null, { decision: allow(call.request.check ?? buildCheck('', {})) }),
    streamChecks: (call: Call) => {
      calls.push(call);
      call.on('error', () => {});
      call.on('data', (request: StreamChecksRequest) => {
        requests.push(request);
        script(request, call);
      });
      call.on('end', () => call.end());
    },
  });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) => (error ? reject(error) : resolve(at)));
  });
  return { port: bound, target: `127.0.0.1:${bound}`, calls, requests, die: () => server.forceShutdown() };
}

const response = (part: Partial<StreamChecksResponse> = {}): StreamChecksResponse => ({ results: [], draining: false, groupSize: 0, credit: 1_024, ...part });

function allow(check: Check, part: Partial<Decision> = {}): Decision {
  return { ...emptyDecision(check), allowed: true, reason: Reason.WITHIN_LIMITS, configVersion: 'v1', ...part };
}

const answerAll =
  (decide: (check: Check) => Decision): Script =>
  ({ items }, call) =>
    call.write(response({ results: items.map(({ id, check }) => ({ id, outcome: { $case: 'decision', value: decide(check ?? buildCheck('', {})) } })) }));

const hello: Script = ({ items }, call) => {
  if (items.length === 0) call.write(response());
};

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function limiter(script: Script, port?: number) {
  const started = await startScriptedLimiter(script, port);
  cleanups.push(() => started.die());
  return started;
}

async function client(targets: string[], options: Partial<LimiterClientOptions> = {}): Promise<LimiterClient> {
  const made = createLimiterClient({ targets, clientGroup: 'spec', instance: 'spec-1', ...options });
  cleanups.push(() => made.close());
  await made.ready(2_000);
  return made;
}

const check = (client = 'alice', extra: Partial<Check> = {}) => buildCheck('users', { client }, extra);
const elapsedMs = async (work: () => unknown): Promise<number> => {
  const start = performance.now();
  await work();
  return performance.now() - start;
};

describe('stream', () => {
  it('limiter/P2: matches answers by id in any order and grouping', async () => {
    const held: StreamChecksRequest['items'] = [];
    const { target } = await limiter(({ items }, call) => {
      held.push(...items);
      if (items.length === 0) call.write(response());
      if (held.length < 200) return;
      for (const { id, check: asked = check() } of held.splice(0).toReversed()) {
        call.write(response({ results: [{ id, outcome: { $case: 'decision', value: allow(asked, { decisionId: `d-${asked.checkId}` }) } }] }));
      }
    });
    const link = await client([target], { streams: 1 });
    const decisions = await Promise.all(Array.from({ length: 200 }, async (_, n) => link.check(check('alice', { checkId: String(n), timeoutMs: 10_000 }))));
    expect(decisions.map(({ decisionId }) => decisionId)).toEqual(Array.from({ length: 200 }, (_, n) => `d-${n}`));
  });

  it('limiter/C1: checks made in one turn of the event loop travel in messages of up to 128', async () => {
    const { target, requests } = await limiter(answerAll(allow));
    const link = await client([target], { streams: 1 });
    await link.checkMany(Array.from({ length: 256 }, () => check()));
    expect(requests.filter(({ items }) => items.length > 0).map(({ items }) => items.length)).toEqual([128, 128]);
  });

  it('limiter/P10: no message grows past 64 KiB however long the attributes are', async () => {
    const { target, requests } = await limiter(answerAll(allow));
    const link = await client([target], { streams: 1 });
    const long = Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`attribute-${n}`, '\u{20AC}'.repeat(80)]));
    await link.checkMany(Array.from({ length: 64 }, () => buildCheck('users', long)));
    for (const request of requests) {
      expect(RateLimitServiceService.streamChecks.requestSerialize(request).byteLength).toBeLessThanOrEqual(65_536);
    }
  });

  it('limiter/P2: keeps to the credit the limiter gives', async () => {
    let open = 0;
    let openMax = 0;
    const { target } = await limiter(({ items }, call) => {
      open += items.length;
      openMax = Math.max(openMax, open);
      setTimeout(() => {
        open -= items.length;
        call.write(response({ credit: 10, results: items.map(({ id, check: asked = check() }) => ({ id, outcome: { $case: 'decision', value: allow(asked) } })) }));
      }, 2);
    });
    const link = await client([target], { streams: 1 });
    await link.checkMany(Array.from({ length: 100 }, () => check('alice', { timeoutMs: 5_000 })));
    expect(openMax).toBeLessThanOrEqual(10);
  });

  it("limiter/C4: raises the caller's own faults and hides none", async () => {
    const { target } = await limiter(({ items }, call) => {
      call.write(response({ results: items.map(({ id }) => ({ id, outcome: { $case: 'error', value: { code: 'UNKNOWN_POLICY', message: 'no policy "users"', retryable: false } } })) }));
    });
    const link = await client([target]);
    await expect(link.check(check())).rejects.toThrowError(LimiterError);
    await expect(link.check(check())).rejects.toMatchObject({ code: 'UNKNOWN_POLICY', grpcStatus: 5 });
  });

  it('answers over the unary rpc too', async () => {
    const { target } = await limiter(answerAll(allow));
    const link = await client([target]);
    await expect(link.checkUnary(check())).resolves.toMatchObject({ allowed: true, policy: 'users' });
  });
});

describe('failure', () => {
  it('limiter/C4: a limiter that drops checks is answered by the failure mode at timeout_ms + 10 ms', async () => {
    const { target } = await limiter(hello);
    const link = await client([target]);
    let decision: Decision | undefined;
    const tookMs = await elapsedMs(async () => {
      decision = await link.check(check(), { onLimiterFailure: 'deny' });
    });
    expect(decision).toMatchObject({ allowed: false, degraded: true, reason: Reason.LIMITER_DOWN, retryAfterMs: 1_000 });
    expect(tookMs).toBeGreaterThan(45);
    await expect(link.check(check(), { onLimiterFailure: 'allow' })).resolves.toMatchObject({ allowed: true, degraded: true });
  });

  it('limiter/C4: a limiter that went quiet gets no more checks until it gives a sign of life', async () => {
    let isFrozen = true;
    const { target } = await limiter((request, call) => {
      if (request.hello !== undefined) call.write(response());
      else if (!isFrozen) answerAll(allow)(request, call);
    });
    const link = await client([target], { streams: 1, onLimiterFailure: 'allow' });
    await link.check(check());
    await new Promise((resolve) => setTimeout(resolve, 60));
    const decision = link.check(check());
    expect(decision).toMatchObject({ reason: Reason.LIMITER_DOWN });
    isFrozen = false;
    await expect.poll(async () => (await link.check(check())).reason, { timeout: 3_000 }).toBe(Reason.WITHIN_LIMITS);
  });

  it('limiter/P1: checks in flight when the stream dies are never sent again', async () => {
    const first = await limiter(({ items }, call) => {
      if (items.length === 0) call.write(response());
      else call.destroy(new Error('gone'));
    });
    const second = await limiter(answerAll(allow));
    const link = await client([first.target, second.target], { streams: 1, onLimiterFailure: 'allow' });
    await expect.poll(() => first.requests.length + second.requests.length).toBeGreaterThan(0);
    const decisions = await link.checkMany(Array.from({ length: 5 }, (_, n) => check('alice', { checkId: `x${n}` })));
    const seen = [...first.requests, ...second.requests].flatMap(({ items }) => items.map((item) => item.check?.checkId));
    expect(new Set(seen).size).toBe(seen.length);
    expect(decisions).toHaveLength(5);
  });

  it('limiter/C1: checks that were not written yet move to another replica', async () => {
    const good = await limiter(answerAll((asked) => allow(asked, { decisionId: 'good' })));
    const draining = await limiter((_request, call) => call.write(response({ draining: true })));
    const link = await client([draining.target, good.target], { streams: 2, onLimiterFailure: 'deny' });
    for (let n = 0; n < 20; n++) expect(await link.check(check())).toMatchObject({ decisionId: 'good' });
  });

  it('limiter/F7: answers of a draining stream still count, and a new stream is opened', async () => {
    const { target, calls } = await limiter((request, call) => {
      if (request.items.length === 0 || calls.length > 1) return answerAll(allow)(request, call);
      call.write(response({ draining: true }));
      setTimeout(() => answerAll((asked) => allow(asked, { decisionId: 'late' }))(request, call), 10);
    });
    const link = await client([target], { streams: 1 });
    expect(await link.check(check())).toMatchObject({ decisionId: 'late' });
    await expect.poll(() => calls.length).toBeGreaterThan(1);
    expect(await link.check(check())).toMatchObject({ reason: Reason.WITHIN_LIMITS });
  });

  it('limiter/C1: comes back by itself when a limiter starts again', async () => {
    const first = await limiter(answerAll(allow));
    const link = await client([first.target], { onLimiterFailure: 'allow' });
    expect(await link.check(check())).toMatchObject({ degraded: false });
    first.die();
    await expect.poll(async () => (await link.check(check())).degraded).toBe(true);
    await limiter(answerAll(allow), first.port);
    await expect.poll(async () => (await link.check(check())).degraded, { timeout: 5_000 }).toBe(false);
  });

  it('limiter/C4: with no limiter at all answers at once after the first quarter of a second', async () => {
    const link = createLimiterClient({ targets: ['127.0.0.1:1'], clientGroup: 'spec', instance: 'spec-1', onLimiterFailure: 'allow' });
    cleanups.push(() => link.close());
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(link.check(check())).toMatchObject({ allowed: true, reason: Reason.LIMITER_DOWN });
  });
});

describe('local limits', () => {
  const limit = (part: Partial<LimitResult>): LimitResult => ({ limit: 'burst', mode: LimitMode.ENFORCE, allowed: true, rate: 1, perMs: 3_600_000, burst: 12, remaining: 11, retryAfterMs: undefined, resetMs: 0, cost: 1, adjustment: undefined, overrideId: '', partition: Buffer.alloc(0), unit: '', ...part });

  it('limiter/C4: enforces the limits last seen, divided by the size of the group, per client', async () => {
    const seen = await limiter(({ items }, call) => {
      const results = items.map(({ id, check: asked = check() }) => ({ id, outcome: { $case: 'decision' as const, value: allow(asked, { limits: [limit({}), limit({ limit: 'watch', mode: LimitMode.SHADOW, burst: 1 })] }) } }));
      call.write(response({ groupSize: 3, results }));
    });
    const link = await client([seen.target]);
    await link.check(check('alice', { verbose: true }));
    seen.die();
    await expect.poll(async () => (await link.check(check('warm-up', { cost: 0 }))).degraded).toBe(true);
    // Alice was last seen at 11 of 12, bob never.
    for (const [name, share] of [['alice', 3], ['bob', 4]] as const) {
      const decisions = await link.checkMany(Array.from({ length: 10 }, () => check(name)));
      expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(share);
      expect(decisions.at(-1)).toMatchObject({ allowed: false, degraded: true, reason: Reason.LIMITER_DOWN, boundLimit: 'burst', localDivisor: 3 });
    }
    expect(await link.check(buildCheck('never-seen', { client: 'alice' }))).toMatchObject({ allowed: true, degraded: true, reason: Reason.LIMITER_DOWN });
  });
});

it('limiter/C4: the own share starts at the level last seen', async () => {
  const spent: LimitResult = { limit: 'burst', mode: LimitMode.ENFORCE, allowed: true, rate: 1, perMs: 3_600_000, burst: 100, remaining: 6, retryAfterMs: undefined, resetMs: 0, cost: 1, adjustment: undefined, overrideId: '', partition: Buffer.alloc(0), unit: '' };
  const seen = await limiter(({ items }, call) => {
    call.write(response({ groupSize: 2, results: items.map(({ id, check: asked = check() }) => ({ id, outcome: { $case: 'decision', value: allow(asked, { limits: [spent] }) } })) }));
  });
  const link = await client([seen.target]);
  await link.check(check('alice', { verbose: true }));
  seen.die();
  await expect.poll(async () => (await link.check(check('warm-up', { cost: 0 }))).degraded).toBe(true);
  const decisions = await link.checkMany(Array.from({ length: 10 }, () => check('alice')));
  expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(3);
});

it('limiter/C4: a caller with the configuration enforces each limit by its own key, also before the first decision', async () => {
  const config = limiterSchema.parse({ policies: { users: { subject: '{client}', limits: [{ name: 'all', key: '{route}', rate: 1, per: '1h', burst: 5 }] } } });
  const set = compilePolicies(config, 'v1');
  const link = createLimiterClient({ targets: ['127.0.0.1:1'], clientGroup: 'spec', instance: 'spec-1', policies: () => set });
  cleanups.push(() => link.close());
  const decisions = await link.checkMany(Array.from({ length: 10 }, (_, n) => buildCheck('users', { client: `c${n}`, route: 'r' })));
  expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(5);
});

describe('deny cache', () => {
  const deny = (asked: Check): Decision => allow(asked, { allowed: false, reason: Reason.LIMIT_EXCEEDED, retryAfterMs: 150, boundLimit: 'burst' });

  it('limiter/C2: a denied check is denied here until its wait is over, then asked again', async () => {
    const { target, requests } = await limiter(answerAll(deny));
    const link = await client([target]);
    expect(await link.check(check())).toMatchObject({ reason: Reason.LIMIT_EXCEEDED });
    const asked = requests.length;
    expect(link.check(check())).toMatchObject({ reason: Reason.DENY_CACHED, boundLimit: 'burst' });
    expect(requests.length).toBe(asked);
    await expect.poll(async () => (await link.check(check())).reason).toBe(Reason.LIMIT_EXCEEDED);
  });

  it('limiter/C2: not for peeks, lower costs, other attributes, or after the config changed', async () => {
    let version = 'v1';
    const { target } = await limiter(answerAll((asked) => ({ ...deny(asked), retryAfterMs: 1_000, configVersion: version })));
    const link = await client([target]);
    await link.check(check('alice', { cost: 2 }));
    expect((await link.check(check('alice', { cost: 3 }))).reason).toBe(Reason.DENY_CACHED);
    for (const other of [check('alice', { cost: 0 }), check('alice', { cost: 1 }), check('bob')]) {
      expect((await link.check(other)).reason).toBe(Reason.LIMIT_EXCEEDED);
    }
    version = 'v2';
    await link.check(check('carol'));
    expect((await link.check(check('alice', { cost: 3 }))).reason).toBe(Reason.LIMIT_EXCEEDED);
  });
});

it('closing answers what waits', async () => {
  const { target, calls } = await limiter(hello);
  const link = await client([target], { onLimiterFailure: 'deny' });
  const waiting = link.check(check('alice', { timeoutMs: 5_000 }));
  await expect.poll(() => calls.length).toBeGreaterThan(0);
  await link.close();
  expect(await waiting).toMatchObject({ reason: Reason.LIMITER_DOWN });
});

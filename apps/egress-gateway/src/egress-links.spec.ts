import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { createInternalTokens } from '@tidegate/auth';
import { Fault } from '@tidegate/fault';
import type { Event } from '@tidegate/grpc';
import { createObservability } from '@tidegate/observability';
import { Cancellation, fieldValue, type RequestBody } from '@tidegate/pipeline';
import { createNetworkEgressLink, servicesSchema, type EgressCall, type EgressLink } from '@tidegate/proxy';
import { routesSchema } from '@tidegate/routing';
import { freePort, RecordingSink, startRawUpstream, startUpstream, waitUntil, type RawConnection } from '@tidegate/testkit';
import { formatAddress, systemClock } from '@tidegate/units';
import { afterEach, describe, expect, it } from 'vitest';
import { bootstrap, type RunningEgress } from './bootstrap.js';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const internalTokenKey = { kid: 'k1', key: Buffer.alloc(32, 7) };
const tokens = createInternalTokens({ ...internalTokenKey, instance: 'ingress-1', clock: systemClock });
const noBody: RequestBody = { stream: null, bytesAnnounced: 0, wanted: () => undefined };

type LinkKind = 'network' | 'in process';
interface Egress {
  readonly app: RunningEgress;
  readonly link: EgressLink;
  readonly events: Event[];
  send(call?: Partial<EgressCall> & { fields?: string[]; method?: string; timeoutMs?: number }): Sent;
}
interface Sent {
  readonly sink: RecordingSink;
  readonly cancellation: Cancellation;
  /** Status and fault code of the answer, as a client would get it. */
  readonly outcome: Promise<string>;
}

/** Starts an egress gateway with one route per service, and a link to it. */
async function startEgress(kind: LinkKind, services: Record<string, object>, route: object = {}): Promise<Egress> {
  const events: Event[] = [];
  const routes = Object.keys(services).map((service) => ({
    name: `to-${service}`,
    match: { path: { prefix: `/${service}` } },
    service,
    ...route,
  }));
  const local = { host: '127.0.0.1', port: 0 };
  const app = await bootstrap({
    config: {
      configVersion: 'v1',
      drain: { delayMs: 0, timeoutMs: 2_000 },
      egress: { mode: 'direct' },
      listeners: { egress: { address: local }, ops: { address: local } },
      routes: routesSchema.parse(routes),
      services: servicesSchema.parse(services),
    },
    secrets: { adminToken: 'a', internalTokenKey },
    observability: createObservability({ app: 'egress-gateway', instance: 'egress-1', level: 'silent' }),
    publisher: { publish: (event) => void events.push(event) },
    ops: false,
    listen: kind === 'network',
  });
  closers.push(() => app.close());
  const link =
    app.address === undefined
      ? app.link
      : createNetworkEgressLink({ targets: [`http://${formatAddress(app.address)}`], clock: systemClock });
  if (link !== app.link) closers.push(() => link.close());
  return { app, link, events, send: (call = {}) => send(link, call) };
}

function send(link: EgressLink, { fields, method = 'GET', timeoutMs = 5_000, ...call }: Partial<EgressCall> & { fields?: string[]; method?: string; timeoutMs?: number }): Sent {
  const sink = new RecordingSink();
  const cancellation = new Cancellation();
  const head = {
    method,
    scheme: 'http' as const,
    authority: 'api.example',
    path: '/s/a',
    query: '?x=1',
    httpVersion: '1.1' as const,
    fields: fields ?? internalFields(),
  };
  const forwarded = link.forward({
    head,
    body: noBody,
    response: sink,
    cancellation,
    deadlineAtMs: systemClock.monotonicMs() + timeoutMs,
    streaming: false,
    bodyBytesMax: null,
    ...call,
  });
  const outcome = forwarded.then(
    () => describeAnswer(sink),
    (fault: Fault) => (sink.isStarted ? `rejected after the head: ${fault.code}` : `${fault.status} ${fault.code}`),
  );
  return { sink, cancellation, outcome };
}

const internalFields = (route = 'to-s'): string[] => [
  'x-request-id', 'r-1',
  'traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'x-tidegate-route', route,
  'x-tidegate-token', tokens.current(),
  'x-tidegate-principal', 'jwt:alice',
];

function describeAnswer(sink: RecordingSink): string {
  if (sink.abortedBy !== undefined) return sink.isStarted ? `${sink.status} cut` : `${sink.abortedBy.status} ${sink.abortedBy.code}`;
  const isProblem = sink.field('content-type') === 'application/problem+json';
  if (!isProblem || sink.text === '') return `${sink.status} ${sink.text}`;
  const code = (JSON.parse(sink.text) as { type: string }).type.replace('urn:problem-type:tidegate:', '');
  return `${sink.status} ${code}`;
}

async function upstream(handler: (req: IncomingMessage, res: ServerResponse) => void) {
  const server = await startUpstream(handler);
  closers.push(() => server.close());
  return server;
}

async function rawUpstream(onConnection: (connection: RawConnection) => void) {
  const raw = await startRawUpstream(onConnection);
  closers.push(() => raw.close());
  return raw;
}

const answer = (text: string) => (connection: RawConnection) => connection.onRequest(() => connection.socket.write(text));
const ok = answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
const resetAfterRequest = ({ socket, onRequest }: RawConnection) => onRequest(() => socket.resetAndDestroy());
const deadOrigin = async () => `http://127.0.0.1:${await freePort()}`;

function handBody(bytesAnnounced: number | null = null) {
  return { stream: new Readable({ read: () => undefined }), bytesAnnounced, wanted: () => undefined };
}

const quick = { openFor: '150ms', minRequests: 4 };

describe.each<LinkKind>(['network', 'in process'])('egress over the %s link (gateway/U10)', (kind) => {
  it('gateway/H3, H5: hands the request to the service with the fields meant for it, and the answer back with its report', async () => {
    const service = await rawUpstream(answer('HTTP/1.1 201 Created\r\nX-A: 1\r\nX-Tidegate-Egress: forged\r\nContent-Length: 2\r\n\r\nok'));
    const egress = await startEgress(kind, { s: { upstreams: [service.url] } });
    const sent = egress.send({ fields: [...internalFields(), 'via', '1.1 tidegate-ingress', 'l5d-dst-override', 'x', 'x-a', '1'] });
    expect(await sent.outcome).toBe('201 ok');
    expect(service.received).toContain(`GET /s/a?x=1 HTTP/1.1\r\nhost: 127.0.0.1:${service.port}\r\n`);
    expect(service.received).toContain('\r\nx-request-id: r-1\r\n');
    expect(service.received).toContain('\r\nx-tidegate-principal: jwt:alice\r\n');
    expect(service.received).toMatch(/via: 1.1 tidegate-ingress\r\n[^]*via: 1.1 tidegate-egress\r\n/);
    expect(service.received).not.toMatch(/x-tidegate-(token|route|deadline)|l5d/);
    expect(sent.sink.field('x-a')).toBe('1');
    expect(sent.sink.field('via')).toBe('1.1 tidegate-egress');
    expect(sent.sink.field('x-tidegate-egress')).toMatch(new RegExp(`^u=127\\.0\\.0\\.1:${service.port};a=1;b=closed;t=\\d+\\.\\d$`));
  });

  it('gateway/H5: refuses a caller without a valid internal token, and tells the analytics', async () => {
    const service = await rawUpstream(ok);
    const egress = await startEgress(kind, { s: { upstreams: [service.url] } });
    const without = internalFields().filter((_, at, all) => !(all[at] === 'x-tidegate-token' || all[at - 1] === 'x-tidegate-token'));
    const other = createInternalTokens({ kid: 'k1', key: Buffer.alloc(32, 8), instance: 'x', clock: systemClock });
    expect(await egress.send({ fields: without }).outcome).toBe('403 caller-not-allowed');
    expect(await egress.send({ fields: [...without, 'x-tidegate-token', other.current()] }).outcome).toBe('403 caller-not-allowed');
    expect(await egress.send({ fields: [...without, 'x-tidegate-token', 'v1.k1.x.9999999999.AAAA'] }).outcome).toBe('403 caller-not-allowed');
    expect(service.connections).toBe(0);
    expect(egress.events.map(({ kind: of }) => (of?.$case === 'security' ? of.value.what : ''))).toEqual(Array(3).fill('caller-not-allowed'));
  });

  it('a route that this configuration does not have is 503', async () => {
    const egress = await startEgress(kind, { s: { upstreams: ['http://127.0.0.1:1'] } });
    expect(await egress.send({ fields: internalFields('elsewhere') }).outcome).toBe('503 upstream-unavailable');
  });

  it('gateway/H13: faults are problem documents with the request id, and the report names the fault', async () => {
    const egress = await startEgress(kind, { s: { upstreams: [await deadOrigin()] } });
    const { sink, outcome } = egress.send();
    expect(await outcome).toBe('502 upstream-unreachable');
    expect(JSON.parse(sink.text)).toMatchObject({ status: 502, requestId: 'r-1' });
    expect(sink.text).not.toContain('127.0.0.1');
    expect(sink.field('x-tidegate-egress')).toMatch(/;a=2;b=closed;t=0.0;f=upstream-unreachable$/);
  });

  it('gateway/H7: the deadline of ingress, of the route and of the service: the shortest counts', async () => {
    const mute = await rawUpstream(() => undefined);
    const timed = async (egress: Egress, timeoutMs: number): Promise<number> => {
      const from = performance.now();
      expect(await egress.send({ timeoutMs }).outcome).toBe('504 upstream-timeout');
      return performance.now() - from;
    };
    const byIngress = await startEgress(kind, { s: { upstreams: [mute.url], timeout: '5s' } });
    expect(await timed(byIngress, 60)).toBeLessThan(1_000);
    const byRoute = await startEgress(kind, { s: { upstreams: [mute.url], timeout: '5s' } }, { timeout: '60ms' });
    expect(await timed(byRoute, 5_000)).toBeLessThan(1_000);
    const byService = await startEgress(kind, { s: { upstreams: [mute.url], timeout: '60ms' } });
    expect(await timed(byService, 5_000)).toBeLessThan(1_000);
  });

  it('gateway/H9: a client that leaves takes the upstream call with it', async () => {
    let closed = 0;
    const mute = await rawUpstream(({ socket }) => socket.on('close', () => (closed += 1)));
    const egress = await startEgress(kind, { s: { upstreams: [mute.url] } });
    const { cancellation, outcome } = egress.send();
    await waitUntil('the request', () => mute.received !== '');
    const from = performance.now();
    cancellation.cancel(new Fault('client-closed', 'gone'));
    expect(await outcome).toBe('499 client-closed');
    await waitUntil('the end of the call', () => closed === 1);
    expect(performance.now() - from).toBeLessThan(500);
  });

  it('gateway/H9: an upstream that dies inside a body ends the answer as an error, and counts against its breakers', async () => {
    const service = await rawUpstream(({ socket, onRequest }) =>
      onRequest(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', () => setTimeout(() => socket.destroy(), 20))),
    );
    const egress = await startEgress(kind, { s: { upstreams: [service.url], breaker: { minRequests: 8 } } });
    for (let i = 0; i < 3; i += 1) expect(await egress.send().outcome).toBe('200 cut');
    await waitUntil('an open breaker', async () => (await egress.send().outcome) === '503 upstream-unavailable');
  });

  it('gateway/H9: a close-delimited answer is marked', async () => {
    const service = await rawUpstream(({ socket, onRequest }) => onRequest(() => socket.end('HTTP/1.1 200 OK\r\n\r\nall')));
    const egress = await startEgress(kind, { s: { upstreams: [service.url] } });
    const { sink, outcome } = egress.send();
    expect(await outcome).toBe('200 all');
    expect(sink.head?.isCloseDelimited).toBe(true);
  });

  it('gateway/H7: a body that falls silent is ended, but not at once on a route for long-lived bodies', async () => {
    const silent = await rawUpstream(answer('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'));
    const services = { s: { upstreams: [silent.url], bodyIdle: '100ms' } };
    expect(await (await startEgress(kind, services)).send().outcome).toBe('200 cut');
    const stream = await startEgress(kind, services, { stream: true });
    const { sink, cancellation, outcome } = stream.send({ streaming: true });
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    expect(sink.abortedBy).toBeUndefined();
    cancellation.cancel(new Fault('client-closed', 'gone'));
    expect(await outcome).toBe('200 cut');
  });

  it('gateway/H8: HEAD, 204, 304, 103 and trailers come through', async () => {
    const service = await upstream((req, res) => {
      const wanted = req.headers['x-case'];
      if (wanted === '204' || wanted === '304') res.writeHead(Number(wanted)).end();
      else if (wanted === 'trailers') {
        res.writeHead(200, { trailer: 'x-sum' }).write('body');
        res.addTrailers({ 'x-sum': '9' });
        res.end();
      } else {
        if (wanted === '103') res.writeEarlyHints({ link: '</a>; rel=preload' });
        res.writeHead(200, { 'content-length': '4' }).end(req.method === 'HEAD' ? undefined : 'body');
      }
    });
    const egress = await startEgress(kind, { s: { upstreams: [service.url] } });
    expect(await egress.send({ method: 'HEAD' }).outcome).toBe('200 ');
    expect(await egress.send({ fields: [...internalFields(), 'x-case', '204'] }).outcome).toBe('204 ');
    expect(await egress.send({ fields: [...internalFields(), 'x-case', '304'] }).outcome).toBe('304 ');
    const early = egress.send({ fields: [...internalFields(), 'x-case', '103'] });
    expect(await early.outcome).toBe('200 body');
    expect(early.sink.informationals).toEqual([{ status: 103, fields: ['link', '</a>; rel=preload'] }]);
    const trailing = egress.send({ fields: [...internalFields(), 'x-case', 'trailers', 'te', 'trailers'] });
    expect(await trailing.outcome).toBe('200 body');
    expect(trailing.sink.trailers).toEqual(['x-sum', '9']);
  });

  it('streams a request body as it comes, with its length or chunked', async () => {
    const service = await upstream((req, res) => {
      let text = `${req.headers['content-length'] ?? req.headers['transfer-encoding']} `;
      req.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => res.end(text));
    });
    const egress = await startEgress(kind, { s: { upstreams: [service.url] } });
    for (const announced of [6, null]) {
      const body = handBody(announced);
      const { outcome } = egress.send({ method: 'POST', body });
      body.stream.push('abc');
      setTimeout(() => {
        body.stream.push('def');
        body.stream.push(null);
      }, 20);
      expect(await outcome).toBe(announced === null ? '200 chunked abcdef' : '200 6 abcdef');
    }
  });

  it('back-pressure: a service that does not read stops the client, a client that does not read stops the service', async () => {
    const deaf = await rawUpstream(({ socket }) => void socket.pause());
    const chatty = await upstream((_req, res) => {
      const more = (): void => {
        do written += 64 * 1024;
        while (res.write(Buffer.alloc(64 * 1024)));
        if (!res.destroyed) res.once('drain', more);
      };
      more();
    });
    let written = 0;
    let read = 0;
    const source = new Readable({
      highWaterMark: 64 * 1024,
      read() {
        read += 64 * 1024;
        setImmediate(() => this.push(Buffer.alloc(64 * 1024)));
      },
    });
    const egress = await startEgress(kind, { s: { upstreams: [deaf.url] }, t: { upstreams: [chatty.url] } });
    const up = egress.send({ method: 'POST', body: { stream: source, bytesAnnounced: null, wanted: () => undefined } });
    const down = egress.send({ fields: internalFields('to-t') });
    down.sink.hold();
    let before = -1;
    await waitUntil('both to stand still', async () => {
      const moved = read + written + down.sink.bodyBytes - before;
      before += moved;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return moved === 0 && read > 0 && written > 0;
    });
    expect(down.sink.bodyBytes).toBeLessThan(1_000_000);
    for (const sent of [up, down]) sent.cancellation.cancel(new Fault('client-closed', 'gone'));
    await Promise.all([up.outcome, down.outcome]);
  });

  it('gateway/H6: a body past its cap is 413', async () => {
    const mute = await rawUpstream(() => undefined);
    const egress = await startEgress(kind, { s: { upstreams: [mute.url] } });
    const body = handBody();
    const { outcome } = egress.send({ method: 'POST', body, bodyBytesMax: 5 });
    body.stream.push('abcdef');
    expect(await outcome).toBe('413 body-too-large');
  });

  it('more in flight than the service takes is 503 with Retry-After', async () => {
    const mute = await rawUpstream(() => undefined);
    const egress = await startEgress(kind, { s: { upstreams: [mute.url], inFlightMax: 1 } });
    const first = egress.send();
    await waitUntil('the first', () => mute.received !== '');
    const second = egress.send();
    expect(await second.outcome).toBe('503 upstream-overloaded');
    expect(second.sink.field('retry-after')).toBe('1');
    first.cancellation.cancel(new Fault('client-closed', 'gone'));
    await first.outcome;
  });

  describe('retry (gateway/U5)', () => {
    it('any method when not one byte was written: another endpoint answers', async () => {
      const service = await upstream((req, res) => req.resume().on('end', () => res.end('ok')));
      const egress = await startEgress(kind, { s: { upstreams: [await deadOrigin(), service.url] } });
      for (let i = 0; i < 8; i += 1) {
        const body = handBody(3);
        const { outcome } = egress.send({ method: 'POST', body });
        body.stream.push('abc');
        body.stream.push(null);
        expect(await outcome).toBe('200 ok');
      }
    });

    it('GET and HEAD also after a reset before the head; POST never, its body or not', async () => {
      const broken = await rawUpstream(resetAfterRequest);
      const egress = await startEgress(kind, { s: { upstreams: [broken.url], retry: { attempts: 3 } } });
      for (const [method, tries] of [['GET', 3], ['HEAD', 3], ['POST', 1], ['DELETE', 1]] as const) {
        const before = broken.connections;
        const sent = egress.send({ method });
        expect(await sent.outcome).toMatch(/^502/);
        expect(broken.connections - before).toBe(tries);
        expect(sent.sink.field('x-tidegate-egress')).toContain(`;a=${tries};`);
      }
      const before = broken.connections;
      const body = handBody(3);
      const { outcome } = egress.send({ method: 'GET', body });
      body.stream.push('abc');
      body.stream.push(null);
      expect(await outcome).toBe('502 upstream-unreachable');
      expect(broken.connections - before).toBe(1);
    });

    it('never once an answer has begun', async () => {
      const cut = await rawUpstream(({ socket, onRequest }) =>
        onRequest(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', () => setTimeout(() => socket.destroy(), 10))),
      );
      const egress = await startEgress(kind, { s: { upstreams: [cut.url], retry: { attempts: 3 } } });
      expect(await egress.send().outcome).toBe('200 cut');
      expect(cut.connections).toBe(1);
    });

    it('on a status that retryOn names, for GET only; the last answer passes', async () => {
      const busy = await upstream((_req, res) => res.writeHead(503).end('busy'));
      const good = await upstream((_req, res) => res.end('ok'));
      const pair = await startEgress(kind, { s: { upstreams: [busy.url, good.url], retry: { attempts: 2, retryOn: [503] } } });
      for (let i = 0; i < 6; i += 1) expect(await pair.send().outcome).toBe('200 ok');
      const alone = await startEgress(kind, { s: { upstreams: [busy.url], retry: { attempts: 2, retryOn: [503] } } });
      const before = busy.requests;
      expect(await alone.send().outcome).toBe('503 busy');
      expect(busy.requests - before).toBe(2);
      expect(await alone.send({ method: 'POST' }).outcome).toBe('503 busy');
      expect(busy.requests - before).toBe(3);
    });

    it('stops when the budget is used up', async () => {
      const broken = await rawUpstream(resetAfterRequest);
      const egress = await startEgress(kind, { s: { upstreams: [broken.url], breaker: { minRequests: 1_000 } } });
      await Promise.all(Array.from({ length: 100 }, () => egress.send().outcome));
      expect(broken.connections).toBeGreaterThan(105);
      expect(broken.connections).toBeLessThanOrEqual(130);
    });
  });

  describe('breakers (gateway/U4)', () => {
    it('open after errors, answer 503 with Retry-After at once, tell the analytics, and close after a good trial', async () => {
      let status = 500;
      const service = await upstream((_req, res) => res.writeHead(status).end());
      const egress = await startEgress(kind, { s: { upstreams: [service.url], breaker: quick } });
      for (let i = 0; i < 4; i += 1) expect(await egress.send().outcome).toBe('500 ');
      const seen = service.requests;
      const refused = egress.send();
      expect(await refused.outcome).toBe('503 upstream-unavailable');
      expect(refused.sink.field('retry-after')).toBe('1');
      expect(refused.sink.field('x-tidegate-egress')).toContain('b=open');
      expect(service.requests).toBe(seen);
      status = 200;
      await waitUntil('a closed breaker', async () => (await egress.send().outcome) === '200 ');
      const changes = egress.events.flatMap(({ kind: of }) => (of?.$case === 'breakerChange' ? [`${of.value.upstream === '' ? 'service' : 'upstream'} ${of.value.to}`] : []));
      expect(changes.filter((change) => change.startsWith('service'))).toEqual(['service open', 'service half-open', 'service closed']);
      expect(changes.filter((change) => change.startsWith('upstream'))).toEqual(['upstream open', 'upstream half-open', 'upstream closed']);
    });

    it('client errors do not open them, slow answers do', async () => {
      const service = await upstream((req, res) => {
        if (req.headers['x-case'] === 'slow') setTimeout(() => res.end('slow'), 60);
        else res.writeHead(404).end('none');
      });
      const egress = await startEgress(kind, { s: { upstreams: [service.url], breaker: { ...quick, slowAfter: '30ms' } } });
      for (let i = 0; i < 10; i += 1) expect(await egress.send().outcome).toBe('404 none');
      const slow = Array.from({ length: 12 }, () => egress.send({ fields: [...internalFields(), 'x-case', 'slow'] }).outcome);
      expect(await Promise.all(slow)).toEqual(Array(12).fill('200 slow'));
      expect(await egress.send().outcome).toBe('503 upstream-unavailable');
    });

    it('a client that is slow to send its body opens none, whether it ends in time or not', async () => {
      const service = await upstream((req, res) => void req.resume().on('end', () => res.end('ok')));
      const egress = await startEgress(kind, { s: { upstreams: [service.url], breaker: { ...quick, slowAfter: '100ms' } } });
      const upload = (more: object) => {
        const body = handBody(4);
        const sent = egress.send({ method: 'POST', body, fields: [...internalFields(), 'content-length', '4'], ...more });
        body.stream.push('sl');
        return { body, sent };
      };
      const never = Array.from({ length: 6 }, () => upload({ timeoutMs: 150 }).sent.outcome);
      expect(await Promise.all(never)).toEqual(Array(6).fill('408 request-timeout'));
      const late = Array.from({ length: 6 }, () => upload({}));
      await new Promise((resolve) => setTimeout(resolve, 200));
      for (const { body } of late) {
        body.stream.push('ow');
        body.stream.push(null);
      }
      expect(await Promise.all(late.map(({ sent }) => sent.outcome))).toEqual(Array(6).fill('200 ok'));
      expect(await egress.send().outcome).toBe('200 ok');
    });

    it('of one endpoint: the others take its share, other services are untouched', async () => {
      const bad = await upstream((_req, res) => res.writeHead(500).end('bad'));
      const good = await Promise.all([1, 2, 3, 4].map(() => upstream((_req, res) => res.end('ok'))));
      const [first] = good;
      const egress = await startEgress(kind, {
        s: {
          upstreams: [bad.url, ...good.map(({ url }) => url)],
          breaker: { minRequests: 8, openFor: '1m', errorRatio: 0.6 },
          outlier: { consecutiveErrors: 1_000 },
        },
        t: { upstreams: [first?.url] },
      });
      const many = () => Promise.all(Array.from({ length: 25 }, () => egress.send().outcome));
      await waitUntil('its breaker', async () => (await many()).every((outcome) => outcome === '200 ok'));
      const seen = bad.requests;
      expect(await many()).toEqual(Array(25).fill('200 ok'));
      expect(bad.requests).toBe(seen);
      expect(await egress.send({ fields: internalFields('to-t') }).outcome).toBe('200 ok');
    });

    it('an operator holds one open and lets it go again', async () => {
      const good = await upstream((_req, res) => res.end('ok'));
      const egress = await startEgress(kind, { s: { upstreams: [good.url], breaker: quick } });
      const put = egress.app.admin.find(({ method }) => method === 'PUT');
      const hold = (body: unknown, service = 's') => put?.handle({ params: { service }, query: {}, body });
      expect(await hold({ hold: 'open' })).toMatchObject({ status: 200, body: { state: 'open', hold: 'open' } });
      expect(await egress.send().outcome).toBe('503 upstream-unavailable');
      expect(await hold({ hold: 'ajar' })).toMatchObject({ status: 400 });
      expect(await hold({ hold: 'open' }, 'x')).toMatchObject({ status: 404 });
      await hold({ hold: 'auto' });
      await waitUntil('a closed breaker', async () => (await egress.send().outcome) === '200 ok');
      const shown = await egress.app.admin[0]?.handle({ params: {}, query: {}, body: undefined });
      expect(shown?.body).toMatchObject({ breakers: [{ service: 's', upstream: '', state: 'closed', hold: 'auto' }, { upstream: new URL(good.url).host, healthy: true, inFlight: 0 }] });
    });
  });

  it('gateway/U3: an endpoint whose checks fail is left out, and comes back', async () => {
    let isWell = false;
    const make = (isSick: () => boolean) =>
      upstream((req, res) => (req.url === '/healthz' && isSick() ? res.writeHead(503).end() : res.end('ok')));
    const sick = await make(() => !isWell);
    const well = await make(() => false);
    const health = { path: '/healthz', interval: '20ms', timeout: '500ms', unhealthyAfter: 2, healthyAfter: 2 };
    const egress = await startEgress(kind, { s: { upstreams: [sick.url, well.url], health } });
    const rows = async () => (await egress.app.admin[0]?.handle({ params: {}, query: {}, body: undefined }))?.body as { breakers: { healthy?: boolean; upstream: string }[] };
    const isHealthy = async () => (await rows()).breakers.find(({ upstream: name }) => sick.url.endsWith(name) && name !== '')?.healthy;
    await waitUntil('a failed check', async () => (await isHealthy()) === false);
    isWell = true;
    await waitUntil('good checks', async () => (await isHealthy()) === true);
    expect(await egress.send().outcome).toBe('200 ok');
  });

  it('gateway/H12: what is in flight finishes when the gateway closes', async () => {
    let finish: (() => void) | undefined;
    const service = await upstream((_req, res) => {
      res.write('first ');
      finish = () => res.end('last');
    });
    const egress = await startEgress(kind, { s: { upstreams: [service.url] } });
    const { sink, outcome } = egress.send();
    await waitUntil('the first byte', () => sink.text !== '');
    const closing = egress.app.close();
    finish?.();
    expect(await outcome).toBe('200 first last');
    await closing;
    expect(await egress.send().outcome).toMatch(/^50[23] (draining|upstream-unreachable)$/);
  });

  it('answers are given the request id that ingress chose', async () => {
    const egress = await startEgress(kind, { s: { upstreams: [await deadOrigin()] } });
    const { sink, outcome } = egress.send();
    await outcome;
    expect(fieldValue(sink.head?.fields ?? [], 'x-request-id')).toBe('r-1');
  });
});

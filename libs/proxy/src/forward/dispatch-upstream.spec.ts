import { Readable } from 'node:stream';
import type { Socket } from 'node:net';
import { Fault } from '@tidegate/fault';
import { Cancellation, type RequestBody, type RequestHead } from '@tidegate/pipeline';
import { RecordingSink, freePort, startRawUpstream, waitUntil as waitFor, type RawConnection, type RawUpstream } from '@tidegate/testkit';
import { systemClock } from '@tidegate/units';
import { afterEach, describe, expect, it } from 'vitest';
import { DeadlineWheel } from './deadline-wheel.js';
import { dispatchUpstream, type DispatchOptions } from './dispatch-upstream.js';
import { Endpoint } from './endpoint.js';
import { toRequestFields, toResponseFields } from './upstream-fields.js';
import type { UpstreamCall } from './upstream-call.js';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const waitUntil = (check: () => boolean) => waitFor('the upstream', check, 5_000);
/** undici gives a connection back one turn of the event loop after its answer. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
const deadlines = new DeadlineWheel(systemClock);
const noBody: RequestBody = { stream: null, bytesAnnounced: 0, wanted: () => undefined };

function head(method: string, fields: string[] = []): RequestHead {
  return { method, scheme: 'http', authority: 'api.example', path: '/a', query: '?b=1', httpVersion: '1.1', fields };
}

async function upstream(onConnection: (connection: RawConnection) => void): Promise<RawUpstream> {
  const raw = await startRawUpstream(onConnection);
  closers.push(() => raw.close());
  return raw;
}

function endpointOf(origin: string, settings: Partial<{ connectTimeoutMs: number }> = {}): Endpoint {
  const endpoint = new Endpoint({
    origin,
    connectTimeoutMs: 1_000,
    outlier: { consecutiveErrors: 5, ejectForMs: 1_000 },
    clock: systemClock,
    circuit: null,
    ...settings,
  });
  closers.push(() => endpoint.pool.destroy());
  return endpoint;
}

interface Sent {
  readonly call: UpstreamCall;
  readonly sink: RecordingSink;
  readonly cancellation: Cancellation;
}

function send(endpoint: Endpoint, request: RequestHead, more: Partial<DispatchOptions> & { timeoutMs?: number } = {}): Sent {
  const sink = new RecordingSink();
  const cancellation = new Cancellation();
  const body = more.body ?? noBody;
  const call = dispatchUpstream(endpoint, {
    head: request,
    ...toRequestFields(request.fields, body, false),
    body,
    response: sink,
    cancellation,
    deadlineAtMs: systemClock.monotonicMs() + (more.timeoutMs ?? 5_000),
    bodyBytesMax: null,
    bodyIdleMs: 300_000,
    deadlines,
    clock: systemClock,
    discardStatuses: [],
    toResponseFields: (parsed) => toResponseFields(parsed, false),
    ...more,
  });
  return { call, sink, cancellation };
}

/** A body that is written by hand. */
function handBody(bytesAnnounced: number | null = null): RequestBody & { stream: Readable; isWanted: boolean } {
  const body = {
    stream: new Readable({ read: () => undefined }),
    bytesAnnounced,
    isWanted: false,
    wanted: () => void (body.isWanted = true),
  };
  return body;
}

const answer = (text: string) => (connection: RawConnection) =>
  connection.onRequest(() => connection.socket.write(text, 'latin1'));
const closeAfter = (text: string) => (connection: RawConnection) =>
  connection.onRequest(() => connection.socket.end(text, 'latin1'));

async function outcome({ call, sink }: Sent): Promise<string> {
  await call.head;
  if (call.failure !== undefined) return `${call.failure.stage} ${call.failure.fault.code}`;
  await call.whenEnded();
  if (sink.abortedBy !== undefined) return `aborted ${sink.abortedBy.code}`;
  return `${sink.status} ${sink.text}`;
}

describe('the answer', () => {
  it('gateway/H3: passes without hop-by-hop fields and those Connection names, and the request likewise', async () => {
    const raw = await upstream(
      answer('HTTP/1.1 200 OK\r\nConnection: x-secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=9\r\nProxy-Authenticate: x\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nok'),
    );
    const fields = ['host', 'x', 'connection', 'keep-alive, x-drop', 'x-drop', '1', 'te', 'gzip', 'upgrade', 'h2c', 'proxy', 'http://evil', 'proxy-anything', '1', 'x-keep', '1'];
    const sent = send(endpointOf(raw.url), head('GET', fields));
    expect(await outcome(sent)).toBe('200 ok');
    expect(sent.sink.head?.fields).toEqual(['x-a', '1', 'x-a', '2', 'content-length', '2']);
    expect(raw.received).toBe(`GET /a?b=1 HTTP/1.1\r\nhost: 127.0.0.1:${raw.port}\r\nconnection: keep-alive\r\nx-keep: 1\r\n\r\n`);
  });

  it('gateway/H5: reserved fields of the service do not pass', async () => {
    const raw = await upstream(answer('HTTP/1.1 200 OK\r\nX-Tidegate-Egress: u=evil\r\nL5d-X: 1\r\nContent-Length: 0\r\n\r\n'));
    const sent = send(endpointOf(raw.url), head('GET', ['x-tidegate-principal', 'jwt:a', 'x-tidegate-token', 't', 'l5d-dst', 'x']));
    expect(await outcome(sent)).toBe('200 ');
    expect(sent.sink.head?.fields).toEqual(['content-length', '0']);
    expect(raw.received).toContain('x-tidegate-principal: jwt:a');
    expect(raw.received).not.toMatch(/token|l5d/);
  });

  it.each(['gzip, chunked', 'identity', 'chunked, chunked', 'gzip'])('gateway/H2: transfer coding %s is a bad response', async (coding) => {
    const raw = await upstream(answer(`HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\n\r\n2\r\nok\r\n0\r\n\r\n`));
    expect(await outcome(send(endpointOf(raw.url), head('GET')))).toBe('broken upstream-bad-response');
  });

  it('gateway/H2: Content-Length beside Transfer-Encoding, or twice, is a bad response', async () => {
    const both = await upstream(answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'));
    const twice = await upstream(answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok'));
    expect(await outcome(send(endpointOf(both.url), head('GET')))).toBe('broken upstream-bad-response');
    expect(await outcome(send(endpointOf(twice.url), head('GET')))).toBe('broken upstream-bad-response');
  });

  it('gateway/H6: a head above 32 KiB is a bad response, one just below passes', async () => {
    const big = await upstream(answer(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(33_000)}\r\nContent-Length: 0\r\n\r\n`));
    const ok = await upstream(answer(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(31_000)}\r\nContent-Length: 0\r\n\r\n`));
    expect(await outcome(send(endpointOf(big.url), head('GET')))).toBe('broken upstream-bad-response');
    expect(await outcome(send(endpointOf(ok.url), head('GET')))).toBe('200 ');
  });

  it('gateway/H8: an unsolicited 100 and other 1xx are absorbed, a 103 with a Link list passes', async () => {
    const raw = await upstream(
      answer(
        'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload, </b>\r\nLink: </c>\r\n\r\n' +
          'HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      ),
    );
    const endpoint = endpointOf(raw.url);
    for (const _ of [1, 2]) {
      const sent = send(endpoint, head('GET'));
      expect(await outcome(sent)).toBe('200 ok');
      expect(sent.sink.informationals).toEqual([{ status: 103, fields: ['link', '</a>; rel=preload, </b>', 'link', '</c>'] }]);
      await turn();
    }
    expect(raw.connections).toBe(1);
  });

  it('gateway/H8: a 101 nobody asked for is a bad response', async () => {
    const raw = await upstream(answer('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'));
    expect(await outcome(send(endpointOf(raw.url), head('GET')))).toMatch(/upstream-bad-response|upstream-unreachable/);
  });

  it('gateway/H8: HEAD, 204 and 304 carry no body, whatever they announce', async () => {
    for (const [method, status] of [['HEAD', 200], ['GET', 204], ['GET', 304]] as const) {
      const raw = await upstream(answer(`HTTP/1.1 ${status} X\r\nContent-Length: 5\r\n\r\n`));
      const sent = send(endpointOf(raw.url), head(method));
      expect(await outcome(sent)).toBe(`${status} `);
      expect(sent.sink.head?.isCloseDelimited).toBe(false);
    }
  });

  it('gateway/H8: trailers pass when the client said TE: trailers, with Connection: TE beside it, and framing fields never', async () => {
    const text = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 9\r\nHost: evil\r\n\r\n';
    const raw = await upstream(answer(text));
    const endpoint = endpointOf(raw.url);
    const wanted = send(endpoint, head('GET', ['te', 'trailers']));
    expect(await outcome(wanted)).toBe('200 ok');
    expect(wanted.sink.trailers).toEqual(['x-sum', '9']);
    expect(raw.received).toMatch(/\r\nconnection: TE\r\n/);
    const unwanted = send(endpoint, head('GET'));
    expect(await outcome(unwanted)).toBe('200 ok');
    expect(unwanted.sink.trailers).toBeUndefined();
    expect(raw.received.match(/connection: TE/g)).toHaveLength(1);
  });

  it('gateway/H9: a close-delimited body is marked, and ends as it came', async () => {
    const raw = await upstream(closeAfter('HTTP/1.1 200 OK\r\n\r\nall there is'));
    const sent = send(endpointOf(raw.url), head('GET'));
    expect(await outcome(sent)).toBe('200 all there is');
    expect(sent.sink.head?.isCloseDelimited).toBe(true);
  });

  it('gateway/H9: an upstream that dies inside a body ends the message as an error, close-delimited or not', async () => {
    const cut = (text: string, how: (socket: Socket) => void) => (connection: RawConnection) =>
      connection.onRequest(() => connection.socket.write(text, () => setTimeout(() => how(connection.socket), 20)));
    const framed = await upstream(cut('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', (socket) => socket.end()));
    const chunked = await upstream(cut('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', (socket) => socket.end()));
    const reset = await upstream(cut('HTTP/1.1 200 OK\r\n\r\nabc', (socket) => socket.resetAndDestroy()));
    for (const raw of [framed, chunked, reset]) {
      const sent = send(endpointOf(raw.url), head('GET'));
      expect(await outcome(sent)).toBe('aborted upstream-bad-response');
      expect(sent.call.bodyFault?.code).toBe('upstream-bad-response');
    }
  });

  it('gateway/H9: a silent body is ended after bodyIdle', async () => {
    const raw = await upstream(answer('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'));
    expect(await outcome(send(endpointOf(raw.url), head('GET'), { bodyIdleMs: 100 }))).toBe('aborted upstream-timeout');
  });

  it('waits for the sink: nothing is read from the upstream while it is full', async () => {
    const part = 'x'.repeat(64 * 1024);
    let written = 0;
    const raw = await upstream(({ socket, onRequest }) =>
      onRequest(() => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${part.length * 400}\r\n\r\n`);
        const more = (): void => {
          while (written < 400) {
            written += 1;
            if (!socket.write(part)) return void socket.once('drain', more);
          }
        };
        more();
      }),
    );
    const sent = send(endpointOf(raw.url), head('GET'));
    sent.sink.hold();
    await sent.call.head;
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(written).toBeLessThan(300);
    expect(sent.sink.bodyBytes).toBeLessThan(200_000);
    sent.sink.release();
    await sent.call.whenEnded();
    expect(sent.sink.bodyBytes).toBe(part.length * 400);
  });
});

describe('the request body', () => {
  it('streams with its announced length, or chunked, and says when it is wanted', async () => {
    const raw = await upstream(answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
    for (const announced of [6, null]) {
      const body = handBody(announced);
      const sent = send(endpointOf(raw.url), head('POST', ['expect', '100-continue']), { body });
      body.stream.push('abc');
      body.stream.push('def');
      body.stream.push(null);
      expect(await outcome(sent)).toBe('200 ok');
      expect(body.isWanted).toBe(true);
      expect(sent.call.requestBytes).toBe(6);
    }
    expect(raw.received).toContain('content-length: 6\r\n\r\nabcdef');
    expect(raw.received).toContain('transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n');
    expect(raw.received).not.toContain('expect');
  });

  it('is not asked for before a connection is there', async () => {
    const body = handBody(3);
    const sent = send(endpointOf(`http://127.0.0.1:${await freePort()}`), head('POST'), { body });
    expect(await outcome(sent)).toBe('unsent upstream-unreachable');
    expect(body.isWanted).toBe(false);
    body.stream.push('abc');
    expect(body.stream.read()?.toString()).toBe('abc');
  });

  it('gateway/H6: past its cap it is 413, and the upstream never sees the message complete', async () => {
    const raw = await upstream(() => undefined);
    const body = handBody();
    const sent = send(endpointOf(raw.url), head('POST'), { body, bodyBytesMax: 5 });
    body.stream.push('abc');
    await waitUntil(() => raw.received.includes('abc'));
    body.stream.push('def');
    expect(await outcome(sent)).toBe('ended body-too-large');
    expect(raw.received).not.toContain('0\r\n\r\n');
    expect(body.stream.destroyed).toBe(false);
  });

  it('gateway/H1: that breaks off aborts the upstream call without a final chunk', async () => {
    const raw = await upstream(() => undefined);
    const body = handBody();
    const sent = send(endpointOf(raw.url), head('POST'), { body });
    body.stream.push('abc');
    await waitUntil(() => raw.received.includes('abc'));
    body.stream.destroy(new Fault('bad-request', 'bad chunk size'));
    expect(await outcome(sent)).toBe('ended bad-request');
    expect(raw.received).not.toContain('0\r\n\r\n');
  });

  it('an answer that comes before the end of the body passes, and its connection is not used again', async () => {
    const raw = await upstream(answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
    const endpoint = endpointOf(raw.url);
    const body = handBody(100);
    const sent = send(endpoint, head('POST'), { body });
    body.stream.push('abc');
    expect(await outcome(sent)).toBe('200 ok');
    expect(await outcome(send(endpoint, head('GET')))).toBe('200 ok');
    expect(raw.connections).toBe(2);
  });
});

describe('what a failure proves (gateway/U5)', () => {
  it.each(['GET', 'POST'])('%s: a refused connection is unsent', async (method) => {
    const body = method === 'POST' ? handBody(3) : noBody;
    const sent = send(endpointOf(`http://127.0.0.1:${await freePort()}`), head(method), { body });
    expect(await outcome(sent)).toBe('unsent upstream-unreachable');
  });

  it('a connection that is not made in time is unsent', async () => {
    const mute = await upstream(() => undefined);
    const endpoint = endpointOf(mute.url.replace('http:', 'https:'), { connectTimeoutMs: 60 });
    expect(await outcome(send(endpoint, head('GET')))).toBe('unsent upstream-unreachable');
  });

  it('a connection closed on accept may have taken the head: reset', async () => {
    const raw = await upstream(({ socket }) => socket.destroy());
    expect(await outcome(send(endpointOf(raw.url), head('GET')))).toMatch(/^(reset|unsent) upstream-unreachable$/);
  });

  it.each(['end', 'resetAndDestroy'] as const)('%s after the request and before a head is reset', async (how) => {
    const raw = await upstream(({ socket, onRequest }) => onRequest(() => void socket[how]()));
    expect(await outcome(send(endpointOf(raw.url), head('GET')))).toBe('reset upstream-unreachable');
  });

  it('half a head is reset, not an answer', async () => {
    const raw = await upstream(closeAfter('HTTP/1.1 200 OK\r\nContent-Le'));
    expect(await outcome(send(endpointOf(raw.url), head('GET')))).toMatch(/^(reset upstream-unreachable|broken upstream-bad-response)$/);
  });

  it('a connection that breaks before the first byte of a body arrives is unsent: its head was not written', async () => {
    const raw = await upstream(({ socket }) => setTimeout(() => socket.resetAndDestroy(), 30));
    const body = handBody(3);
    const sent = send(endpointOf(raw.url), head('POST'), { body });
    expect(await outcome(sent)).toBe('unsent upstream-unreachable');
    expect(raw.received).toBe('');
  });

  it('bytes that are no HTTP are broken', async () => {
    const raw = await upstream(answer('SSH-2.0-OpenSSH\r\n\r\n'));
    expect(await outcome(send(endpointOf(raw.url), head('GET')))).toBe('broken upstream-bad-response');
  });

  it('an idle connection that the upstream closes is not used for the next request', async () => {
    const raw = await upstream(({ socket, onRequest }) =>
      onRequest(() => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        setTimeout(() => socket.end(), 10);
      }),
    );
    const endpoint = endpointOf(raw.url);
    for (const _ of [1, 2, 3]) {
      expect(await outcome(send(endpoint, head('GET')))).toBe('200 ok');
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    expect(raw.connections).toBe(3);
  });
});

describe('the end of patience', () => {
  it('gateway/H7: no head before the deadline is 504, soon after it', async () => {
    const raw = await upstream(() => undefined);
    const from = systemClock.monotonicMs();
    expect(await outcome(send(endpointOf(raw.url), head('GET'), { timeoutMs: 80 }))).toBe('ended upstream-timeout');
    expect(systemClock.monotonicMs() - from).toBeGreaterThan(79);
  });

  it('gateway/H7: a body that is not there before the deadline is 408; one the upstream does not take is 504', async () => {
    const raw = await upstream(() => undefined);
    const late = handBody(100);
    const waiting = send(endpointOf(raw.url), head('POST'), { body: late, timeoutMs: 80 });
    late.stream.push('half');
    expect(await outcome(waiting)).toBe('ended request-timeout');
    const complete = handBody(4);
    const unanswered = send(endpointOf(raw.url), head('POST'), { body: complete, timeoutMs: 80 });
    complete.stream.push('done');
    complete.stream.push(null);
    expect(await outcome(unanswered)).toBe('ended upstream-timeout');
    const deaf = await upstream(({ socket }) => void socket.pause());
    const refused = handBody();
    const stuck = send(endpointOf(deaf.url), head('POST'), { body: refused, timeoutMs: 300 });
    refused.stream.push(Buffer.alloc(32 * 1024 * 1024));
    refused.stream.push('more');
    expect(await outcome(stuck)).toBe('ended upstream-timeout');
  });

  it('gateway/H7: the deadline holds while the connection is still being made', async () => {
    const mute = await upstream(() => undefined);
    const endpoint = endpointOf(mute.url.replace('http:', 'https:'), { connectTimeoutMs: 2_000 });
    expect(await outcome(send(endpoint, head('GET'), { timeoutMs: 50 }))).toBe('ended upstream-timeout');
  });

  it('gateway/H9: a client that leaves cancels the call, before and after the head', async () => {
    let closed = 0;
    const raw = await upstream(({ socket }) => socket.on('close', () => (closed += 1)));
    const before = send(endpointOf(raw.url), head('GET'));
    await waitUntil(() => raw.received !== '');
    before.cancellation.cancel(new Fault('client-closed', 'gone'));
    expect(await outcome(before)).toBe('ended client-closed');
    await waitUntil(() => closed === 1);

    const slow = await upstream((connection) => {
      connection.socket.on('close', () => (closed += 1));
      answer('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')(connection);
    });
    const after = send(endpointOf(slow.url), head('GET'));
    await after.call.head;
    after.cancellation.cancel(new Fault('client-closed', 'gone'));
    await after.call.whenEnded();
    expect(after.sink.abortedBy?.code).toBe('client-closed');
    await waitUntil(() => closed === 2);
  });

  it('a request cancelled before it was sent is never written', async () => {
    const raw = await upstream(answer('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    const cancelled = new Cancellation();
    cancelled.cancel(new Fault('client-closed', 'gone'));
    const endpoint = endpointOf(raw.url);
    expect(await outcome(send(endpoint, head('GET'), { cancellation: cancelled }))).toBe('ended client-closed');
    const late = send(endpoint, head('GET'));
    late.cancellation.cancel(new Fault('client-closed', 'gone'));
    expect(await outcome(late)).toBe('ended client-closed');
    expect(await outcome(send(endpoint, head('POST')))).toBe('200 ');
    expect(raw.received).not.toContain('GET');
  });

  it('an answer that is to be thrown away never reaches the sink, and its connection lives on', async () => {
    const raw = await upstream(answer('HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy'));
    const endpoint = endpointOf(raw.url);
    const sent = send(endpoint, head('GET'), { discardStatuses: [503] });
    await sent.call.head;
    expect(sent.call.isDiscarded).toBe(true);
    await sent.call.whenEnded();
    await turn();
    expect(sent.sink.isStarted).toBe(false);
    expect(await outcome(send(endpoint, head('GET')))).toBe('503 busy');
    expect(raw.connections).toBe(1);
  });
});

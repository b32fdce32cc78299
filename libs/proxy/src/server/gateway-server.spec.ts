import { Fault } from '@tidegate/fault';
import { compose, type Stage } from '@tidegate/pipeline';
import { fakeClock, RawClient, waitUntil } from '@tidegate/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { identifyRequest } from '../identify-request.js';
import { rescueErrors } from '../rescue-errors.js';
import { sendProblem } from '../send-problem.js';
import { createGatewayServer, type GatewayServer, type GatewayServerOptions } from './gateway-server.js';
import { HttpExchange } from './http-exchange.js';
import type { Refusal } from './refusal.js';
import { egressLimits, publicLimits } from './server-limits.js';

type Handler = (exchange: HttpExchange) => Promise<void> | void;

const clock = fakeClock();
const cleanups: (() => Promise<void> | void)[] = [];
const refusals: Refusal[] = [];
const faults: string[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  refusals.length = 0;
  faults.length = 0;
});

async function serve(handler: Handler, options: Partial<GatewayServerOptions<HttpExchange>> = {}): Promise<{ server: GatewayServer<HttpExchange>; port: number }> {
  const stages: Stage<HttpExchange>[] = [
    identifyRequest<HttpExchange>({ deadlineMs: 15_000 }),
    rescueErrors<HttpExchange>({ onFault: (_exchange, fault) => faults.push(fault.code) }),
    async function handle(exchange) {
      await handler(exchange);
    },
  ];
  const server = createGatewayServer({
    name: 'public',
    address: { host: '127.0.0.1', port: 0 },
    createExchange: (parts) => new HttpExchange(parts),
    onExchange: compose(stages),
    onRefused: (refusal) => refusals.push(refusal),
    logger: { error: () => undefined, warn: () => undefined },
    clock,
    ...options,
  });
  const { port } = await server.listen();
  cleanups.push(() => server.close());
  return { server, port };
}

function open(port: number): RawClient {
  const client = new RawClient(port);
  cleanups.push(() => client.destroy());
  return client;
}

/** Errors that would end the process. */
function noteUncaught(): unknown[] {
  const uncaught: unknown[] = [];
  const note = (error: unknown) => uncaught.push(error);
  process.prependListener('uncaughtException', note);
  cleanups.push(() => void process.off('uncaughtException', note));
  return uncaught;
}

const ok: Handler = ({ response }) => {
  response.start({ status: 200, fields: ['content-length', '2'] });
  response.write(Buffer.from('ok'));
  response.end();
};

const get = (path = '/', fields = '', version = '1.1'): string => `GET ${path} HTTP/${version}\r\nHost: h\r\n${fields}\r\n`;
const post = (fields: string, body = ''): string => `POST / HTTP/1.1\r\nHost: h\r\n${fields}\r\n${body}`;

/** Resolves with the reason when the exchange is cancelled. */
const cancelled = ({ cancellation }: HttpExchange): Promise<Fault> =>
  new Promise((resolve) => {
    cancellation.onCancel(() => resolve(cancellation.reason ?? new Fault('internal', 'no reason')));
  });

async function untilCancelled(exchange: HttpExchange): Promise<never> {
  throw await cancelled(exchange);
}

async function readAll({ body }: HttpExchange): Promise<string> {
  body.wanted();
  let text = '';
  for await (const chunk of body.stream ?? []) text += String(chunk);
  return text;
}

describe('gateway/H5: reserved fields', () => {
  const sent = 'X-Tidegate-Principal: root\r\nL5D-Client-Id: x\r\nX_Forwarded_For: 1\r\nX-Request-Id: a\r\nX-Keep: b\r\n';
  const namesSeen = async (options: Partial<GatewayServerOptions<HttpExchange>>): Promise<string[]> => {
    let names: string[] = [];
    const { port } = await serve((exchange) => {
      names = exchange.head.fields.filter((_text, at) => at % 2 === 0);
      return ok(exchange);
    }, options);
    await open(port).untilAnswersTo(get('/', sent));
    return names;
  };

  it('are dropped on a client-facing listener, and so are names with an underscore', async () => {
    expect(await namesSeen({})).toEqual(['host', 'x-request-id', 'x-keep']);
  });
  it('stay on the egress listener', async () => {
    expect(await namesSeen({ keepReservedFields: true })).toEqual(['host', 'x-tidegate-principal', 'l5d-client-id', 'x-request-id', 'x-keep']);
  });
  it('names with an underscore pass where the listener allows them', async () => {
    expect(await namesSeen({ allowUnderscoreFields: true })).toContain('x_forwarded_for');
  });
});

describe('gateway/H6: sizes', () => {
  it('the egress listener takes 130 fields and 32 KiB', async () => {
    const { port } = await serve(ok, { limits: egressLimits });
    const client = open(port);
    const many = Array.from({ length: 129 }, (_, i) => `f${i}: ${'x'.repeat(200)}\r\n`).join('');
    await client.untilAnswersTo(get('/', many), get('/', `${many}one-more: x\r\n`));
    expect(client.finals.map(({ status }) => status)).toEqual([200, 431]);
  });
});

describe('gateway/H8: the rest of a message', () => {
  it('100 is sent when the body is wanted, not before', async () => {
    let release: (() => void) | undefined;
    const { port } = await serve(async (exchange) => {
      await new Promise<void>((resolve) => (release = resolve));
      await readAll(exchange);
      return ok(exchange);
    });
    const client = open(port);
    client.write(post('Expect: 100-continue\r\nContent-Length: 5\r\n'));
    await expect.poll(() => release).toBeDefined();
    expect(client.received).toBe('');
    release?.();
    await client.until(() => client.answers.length === 1);
    expect(client.answers[0]?.status).toBe(100);
    client.write('hello');
    await client.untilAnswers(1);
    expect(client.answers.map(({ status }) => status)).toEqual([100, 200]);
    expect(client.finals[0]?.head).toMatch(/keep-alive/);
  });
  it('a denial goes out without 100 and ends the connection: the body may come or not', async () => {
    const { port } = await serve(() => {
      throw new Fault('quota-exceeded', 'spent', { fields: ['retry-after', '3'] });
    });
    const client = open(port);
    client.write(post('Expect: 100-continue\r\nContent-Length: 5\r\n'));
    await client.closed;
    expect(client.answers.map(({ status }) => status)).toEqual([429]);
    expect(client.answers[0]?.head).toMatch(/retry-after: 3\r\n[^]*connection: close/i);
  });
  it('gateway/H9: a reset inside a body whose reader lets go at the cancellation ends nothing but the request', async () => {
    const uncaught = noteUncaught();
    let isRead = false;
    let isLeft = false;
    const { port } = await serve(({ body, cancellation, response }) => {
      const onError = () => undefined;
      body.stream?.on('error', onError).on('data', () => (isRead = true));
      return new Promise((resolve) => {
        cancellation.onCancel(() => {
          body.stream?.off('error', onError);
          response.abort(new Fault('client-closed', 'left'));
          isLeft = true;
          resolve();
        });
      });
    });
    const client = open(port);
    client.socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
    await waitUntil('the body', () => isRead);
    client.socket.resetAndDestroy();
    await waitUntil('the cancellation', () => isLeft);
    await new Promise((resolve) => setImmediate(resolve));
    expect(uncaught).toEqual([]);
  });
  it('gateway/H9: a reset behind a CONNECT ends nothing but the connection', async () => {
    const uncaught = noteUncaught();
    const { promise: left, resolve: leave } = Promise.withResolvers<void>();
    let isThere = false;
    const { port } = await serve(async (exchange) => {
      isThere = true;
      await left;
      return ok(exchange);
    });
    const client = open(port);
    client.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n');
    await waitUntil('the request', () => isThere);
    client.socket.resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    leave();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(uncaught).toEqual([]);
  });
  it('103 without end for a client that does not read piles up nowhere', async () => {
    const hint = ['link', `</${'a'.repeat(900)}>; rel=preload`];
    const { port } = await serve((exchange) => {
      for (let i = 0; i < 20_000; i += 1) exchange.response.informational(103, hint);
      return ok(exchange);
    });
    const client = open(port);
    await client.untilAnswersTo(get());
    expect(client.answers.at(-1)?.status).toBe(200);
    expect(client.answers.length).toBeLessThan(10_000);
  });
  it('103 passes with any Link list, other 1xx do not', async () => {
    const { port } = await serve((exchange) => {
      exchange.response.informational(100, []);
      exchange.response.informational(103, ['link', '</a>; rel=preload; as="x,y", <b>;;bad']);
      return ok(exchange);
    });
    const client = open(port);
    await client.untilAnswersTo(get());
    expect(client.answers.map(({ status }) => status)).toEqual([103, 200]);
    expect(client.answers[0]?.head).toContain('link: </a>; rel=preload; as="x,y", <b>;;bad');
    const old = open(port);
    await old.untilAnswersTo(get('/', '', '1.0'));
    expect(old.answers.map(({ status }) => status)).toEqual([200]);
  });
  it.each([
    ['GET', 204],
    ['GET', 304],
    ['HEAD', 200],
  ])('%s %i carries no body, and the connection lives on', async (method, status) => {
    const { port } = await serve(({ head, response }) => {
      response.start({ status: head.path === '/last' ? 200 : status, fields: ['content-length', '2', ...(method === 'HEAD' ? ['x-no-body', '1'] : [])] });
      response.write(Buffer.from('ok'));
      response.end();
    });
    const client = open(port);
    await client.untilAnswersTo(`${method} / HTTP/1.1\r\nHost: h\r\n\r\n`, `${method} /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    expect(client.finals.map((answer) => answer.status)).toEqual([status, 200]);
    expect(client.received.split('\r\n\r\n')[1]?.startsWith('HTTP/1.1')).toBe(true);
    expect(/content-length/i.test(client.finals[0]?.head ?? '')).toBe(status !== 204);
  });
  it('trailers pass to a client that said TE: trailers, and to no other', async () => {
    const { port } = await serve(({ response }) => {
      response.start({ status: 200, fields: [] });
      response.write(Buffer.from('ok'));
      response.end(['x-sum', '1']);
    });
    const client = open(port);
    await client.untilAnswersTo(get('/', 'TE: trailers\r\nConnection: TE\r\n'));
    expect(client.received).toMatch(/0\r\nx-sum: 1\r\n\r\n$/);
    const other = open(port);
    await other.untilAnswersTo(get());
    expect(other.received).toMatch(/0\r\n\r\n$/);
  });
  it('a head is not kept back until a slow body begins', async () => {
    const { port } = await serve(async ({ response, cancellation }) => {
      response.start({ status: 200, fields: ['content-type', 'text/event-stream'] });
      await new Promise<void>((resolve) => void cancellation.onCancel(resolve));
    });
    const client = open(port);
    client.write(get());
    await client.until(() => client.received.includes('\r\n\r\n'));
    expect(client.received).toContain('text/event-stream');
  });
  it('write says when to wait, and onDrain when to go on', async () => {
    const chunk = Buffer.alloc(256 * 1024, 'x');
    let waits = 0;
    const { port } = await serve(async ({ response }) => {
      response.start({ status: 200, fields: ['content-length', String(chunk.length * 16)] });
      for (let i = 0; i < 16; i += 1) {
        if (response.write(chunk)) continue;
        waits += 1;
        await new Promise<void>((resolve) => response.onDrain(resolve));
      }
      response.end();
    });
    const client = open(port);
    await client.untilAnswersTo(get());
    expect(client.finals[0]?.body.length).toBe(chunk.length * 16);
    expect(waits).toBeGreaterThan(0);
  });
});

describe('gateway/H9: cancel', () => {
  it.each(['end', 'destroy', 'resetAndDestroy'] as const)('a client that leaves by %s cancels its exchange', async (how) => {
    let reason: Fault | undefined;
    let begun = false;
    const { port, server } = await serve(async (exchange) => {
      begun = true;
      reason = await cancelled(exchange);
      throw reason;
    });
    const client = open(port);
    client.write(get());
    await expect.poll(() => begun).toBe(true);
    client.socket[how]();
    await expect.poll(() => reason?.code).toBe('client-closed');
    await expect.poll(() => [server.inFlight, server.connections]).toEqual([0, 0]);
  });
  it('a client that leaves inside its body cancels its exchange', async () => {
    const { port } = await serve(untilCancelled);
    const client = open(port);
    client.write(post('Content-Length: 100\r\n', 'hello'));
    await client.until(() => true);
    await expect.poll(() => faults.length, { interval: 5 }).toBe(0);
    client.socket.end();
    await expect.poll(() => faults).toEqual(['client-closed']);
  });
  it('an answer that breaks off has no final chunk', async () => {
    const { port } = await serve(async ({ response }) => {
      response.start({ status: 200, fields: [] });
      response.write(Buffer.from('half'));
      await new Promise((resolve) => setImmediate(resolve));
      throw new Fault('upstream-unreachable', 'died');
    });
    const client = open(port);
    client.write(get());
    await client.closed;
    expect(client.received).toMatch(/4\r\nhalf\r\n$/);
    expect(client.finals).toEqual([]);
  });
  it.each(['', 'Connection: keep-alive\r\n'])('an answer whose end is the end of the connection is reset instead (%j)', async (fields) => {
    const { port } = await serve(async ({ response }) => {
      response.start({ status: 200, fields: [] });
      response.write(Buffer.from('half'));
      await new Promise((resolve) => setImmediate(resolve));
      response.abort(new Fault('upstream-unreachable', 'died'));
    });
    const client = open(port);
    client.write(get('/', fields, '1.0'));
    await client.closed;
    expect(client.ending).toBe('ECONNRESET');
  });
});

describe('gateway/H13: errors', () => {
  it('a fault is a problem document with the request id, and nothing of its cause', async () => {
    const { port } = await serve(() => {
      throw new Error('secret of host db-1');
    });
    const client = open(port);
    await client.untilAnswersTo(get());
    const [answer] = client.finals;
    const problem = JSON.parse(answer?.body ?? '') as Record<string, unknown>;
    expect(answer?.head).toMatch(/content-type: application\/problem\+json/);
    expect(problem).toEqual({
      type: 'urn:problem-type:tidegate:internal', title: 'Internal error', status: 500,
      detail: expect.any(String) as string, requestId: /x-request-id: (\S+)/.exec(answer?.head ?? '')?.[1],
    });
    expect(client.received).not.toContain('secret');
  });
  it('a gRPC request gets its status in the head', async () => {
    const { port } = await serve((exchange) => sendProblem(exchange, new Fault('unauthenticated', 'x')));
    const client = open(port);
    await client.untilAnswersTo(post('Content-Type: application/grpc\r\nContent-Length: 0\r\n'));
    expect(client.finals[0]?.head).toMatch(/^HTTP\/1.1 200 [^]*grpc-status: 16\r\ngrpc-message: Authentication required|^HTTP\/1.1 200 [^]*grpc-status: 16/);
    expect(client.finals[0]?.body).toBe('');
  });
  it('stages that end without an answer are our mistake: 500', async () => {
    const { port } = await serve(() => undefined);
    const client = open(port);
    await client.untilAnswersTo(get());
    expect(client.finals[0]?.status).toBe(500);
  });
  it('a refused head is told with its request line', async () => {
    const { port } = await serve(ok);
    const client = open(port);
    client.write(`${get()}GET /bad?x HTTP/1.1\r\nHost : h\r\n\r\n`);
    await client.closed;
    expect(refusals.map(({ fault, method, target, hadRequestLine }) => [fault.code, method, target, hadRequestLine])).toEqual([
      ['bad-request', 'GET', '/bad?x', true],
    ]);
  });
});

describe('gateway/H14: one at a time', () => {
  it('a thousand pipelined requests run one after another, in order', async () => {
    let running = 0;
    let most = 0;
    const paths: string[] = [];
    const { port } = await serve(async (exchange) => {
      running += 1;
      most = Math.max(most, running);
      paths.push(exchange.head.path);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return ok(exchange);
    });
    const client = open(port);
    const expected = Array.from({ length: 1_000 }, (_, i) => `/${i}`);
    client.write(expected.map((path) => get(path)).join(''));
    await client.untilAnswers(1_000);
    expect(most).toBe(1);
    expect(paths).toEqual(expected);
  });
  it('pipelined bytes wait unread behind a request that runs', async () => {
    let release: (() => void) | undefined;
    let begun = 0;
    const { port, server } = await serve(async (exchange) => {
      begun += 1;
      if (begun === 1) await new Promise<void>((resolve) => (release = resolve));
      return ok(exchange);
    });
    const client = open(port);
    client.write(get().repeat(3));
    await expect.poll(() => release).toBeDefined();
    const many = 200_000;
    client.write(get().repeat(many / 100));
    const before = client.socket.bytesWritten;
    expect(before).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([begun, server.inFlight]).toEqual([1, 1]);
    release?.();
    await client.untilAnswers(3 + many / 100);
    expect(begun).toBe(3 + many / 100);
  });
  it('a short rest of a body is read behind the answer, and the connection is used again', async () => {
    const { port } = await serve(ok);
    const client = open(port);
    client.write(post('Content-Length: 10\r\n', 'hello'));
    await client.untilAnswers(1);
    client.write(`world${get()}`);
    await client.untilAnswers(2);
    expect(client.finals.map(({ status }) => status)).toEqual([200, 200]);
  });
  it('a rest that breaks its framing ends the connection, without a second answer', async () => {
    const { port } = await serve(ok);
    const client = open(port);
    client.write(post('Transfer-Encoding: chunked\r\n', '5\r\nhel'));
    await client.untilAnswers(1);
    client.write('lo!!\r\n');
    await client.closed;
    expect([client.finals.map(({ status }) => status), refusals.length]).toEqual([[200], 0]);
  });
  it('a rest that does not come ends the connection', async () => {
    const { port } = await serve(ok);
    const client = open(port);
    client.write(post('Transfer-Encoding: chunked\r\n', '5\r\nhel'));
    await client.closed;
    expect([client.finals.map(({ status }) => status), client.ending]).toEqual([[200], 'end']);
  });
  it('a stage that destroys the body does not take the connection down with it', async () => {
    const { port } = await serve((exchange) => {
      exchange.body.stream?.destroy(new Error('the upstream refused'));
      throw new Fault('upstream-unreachable', 'refused');
    });
    const client = open(port);
    await client.untilAnswersTo(post('Content-Length: 5\r\n', 'hello'), post('Content-Length: 5\r\n', 'hello'));
    expect(client.finals.map(({ status }) => status)).toEqual([502, 502]);
  });
  it('a long rest is announced as the end of the connection, and the answer arrives whole', async () => {
    const { port } = await serve(ok);
    const client = open(port);
    client.write(post('Content-Length: 10000000\r\n', 'x'.repeat(200_000)));
    await client.closed;
    expect(client.finals[0]?.head).toMatch(/connection: close/i);
    expect(client.ending).toBe('end');
  });
});

describe('gateway/H7: times, on a clock that the test moves', () => {
  const pass = (server: GatewayServer<HttpExchange>, seconds: number): void => {
    for (let i = 0; i < seconds; i += 1) {
      clock.advance(1_000);
      server.sweep();
    }
  };

  it('a body without a byte for 30 s: 408', async () => {
    const { port, server } = await serve((exchange) => {
      exchange.body.stream?.resume();
      return untilCancelled(exchange);
    });
    const client = open(port);
    client.write(post('Content-Length: 100000\r\n', 'x'.repeat(20_000)));
    await expect.poll(() => server.inFlight).toBe(1);
    pass(server, 9);
    expect(server.inFlight).toBe(1);
    pass(server, 30);
    await client.untilAnswers(1);
    expect(client.finals[0]?.status).toBe(408);
  });
  it('a body of less than 1 KiB/s: 408 after 10 s, but not where it may be slow', async () => {
    const running: HttpExchange[] = [];
    const { port, server } = await serve((exchange) => {
      running.push(exchange);
      exchange.isStreaming = exchange.head.path === '/stream';
      exchange.body.stream?.resume();
      return untilCancelled(exchange);
    });
    const [slow, stream] = [open(port), open(port)];
    slow.write(post('Content-Length: 100000\r\n'));
    stream.write('POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n');
    await expect.poll(() => server.inFlight).toBe(2);
    for (let second = 1; second <= 11; second += 1) {
      slow.write('x');
      stream.write('x');
      await expect.poll(() => running.every(({ requestBytes }) => requestBytes >= Math.min(second, 10))).toBe(true);
      pass(server, 1);
      if (second === 10) break;
    }
    await slow.untilAnswers(1);
    expect(slow.finals[0]?.status).toBe(408);
    expect(server.inFlight).toBe(1);
  });
  it('time in which we do not read a body does not count', async () => {
    const { port, server } = await serve(untilCancelled);
    const client = open(port);
    client.write(post('Content-Length: 10000000\r\n', 'x'.repeat(1_000_000)));
    await expect.poll(() => server.inFlight).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    pass(server, 120);
    await new Promise((resolve) => setImmediate(resolve));
    expect(server.inFlight).toBe(1);
  });
  it('an idle connection is closed after 65 s, not before', async () => {
    const { port, server } = await serve(ok);
    const client = open(port);
    await client.untilAnswersTo(get());
    pass(server, 60);
    client.write(get());
    await client.untilAnswers(2);
    pass(server, 60);
    expect(server.connections).toBe(1);
    pass(server, 10);
    await client.closed;
    expect(client.ending).toBe('end');
  });
  it('a client that takes no byte of its answer for 30 s is given up', async () => {
    let reason: Fault | undefined;
    const { port, server } = await serve(async (exchange) => {
      const { response, cancellation } = exchange;
      cancellation.onCancel(() => (reason = cancellation.reason));
      response.start({ status: 200, fields: [] });
      while (!response.isFinished) {
        if (!response.write(Buffer.alloc(64 * 1024))) await new Promise<void>((resolve) => response.onDrain(resolve));
      }
    });
    const client = open(port);
    client.socket.pause();
    client.write(get());
    await expect.poll(() => server.inFlight).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    pass(server, 32);
    await expect.poll(() => reason?.code).toBe('client-closed');
    await expect.poll(() => server.inFlight).toBe(0);
  });
  it('a head that does not come to its end: 408, and a connection that says nothing is just closed', async () => {
    const { port } = await serve(ok, { limits: { ...publicLimits, headerTimeoutMs: 50 } });
    const [slow, silent] = [open(port), open(port)];
    slow.write('GET / HTTP/1.1\r\nHost: h\r\n');
    await Promise.all([slow.closed, silent.closed]);
    expect(slow.finals.map(({ status }) => status)).toEqual([408]);
    expect(silent.received).toBe('');
  });
});

describe('gateway/H4: the PROXY protocol', () => {
  const signature = '\r\n\r\n\0\r\nQUIT\n';
  const peers: string[] = [];
  const record: Handler = (exchange) => {
    peers.push(`${exchange.peer.address}:${exchange.peer.port}`);
    return ok(exchange);
  };
  it.each([
    ['text', 'PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n', '203.0.113.9:4711'],
    ['text, IPv6', 'PROXY TCP6 2001:DB8::1 ::1 4711 80\r\n', '2001:db8::1:4711'],
    ['binary', `${signature}\x21\x11\x00\x0c\xcb\x00\x71\x09\x0a\x00\x00\x01\x12\x67\x00\x50`, '203.0.113.9:4711'],
    ['binary, IPv6, with extensions', `${signature}\x21\x21\x00\x27\x20\x01\x0d\xb8${'\0'.repeat(11)}\x01${'\0'.repeat(16)}\x12\x67\x00\x50abc`, '2001:db8::1:4711'],
  ])('%s: the client is who the header names, however it is cut', async (_name, header, peer) => {
    peers.length = 0;
    const { port } = await serve(record, { proxyHeaderFrom: () => true });
    const whole = open(port);
    await whole.untilAnswersTo(header + get(), get());
    const pieces = open(port);
    for (const char of (header + get()).split('')) {
      pieces.write(char);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await pieces.untilAnswers(1);
    expect(peers).toEqual([peer, peer, peer]);
  });
  it.each([
    ['no header', get()],
    ['a bad family', 'PROXY TCP4 ::1 ::1 1 2\r\n'],
    ['a bad version', `${signature}\x31\x11\x00\x0c${'\0'.repeat(12)}`],
    ['an endless one', `PROXY ${'x'.repeat(200)}`],
  ])('%s from a trusted proxy: the connection is closed without an answer', async (_name, bytes) => {
    const { port } = await serve(ok, { proxyHeaderFrom: () => true });
    const client = open(port);
    client.write(bytes);
    await client.closed;
    expect(client.received).toBe('');
  });
  it('a proxy that speaks for itself is its own client', async () => {
    peers.length = 0;
    const { port } = await serve(record, { proxyHeaderFrom: () => true });
    await open(port).untilAnswersTo(`PROXY UNKNOWN\r\n${get()}`);
    await open(port).untilAnswersTo(`${signature}\x20\x00\x00\x00${get()}`);
    expect(peers.map((peer) => peer.replace(/:\d+$/, ''))).toEqual(['127.0.0.1', '127.0.0.1']);
  });
  it('from anyone else it is no request', async () => {
    const { port } = await serve(ok, { proxyHeaderFrom: () => false });
    const client = open(port);
    client.write(`PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n${get()}`);
    await client.closed;
    expect(client.finals.map(({ status }) => status)).toEqual([400]);
  });
});

describe('gateway/H12: drain', () => {
  it('answers what is in flight and what still comes, says Connection: close, then stops', async () => {
    let release: (() => void) | undefined;
    const { port, server } = await serve(async (exchange) => {
      if (exchange.head.path === '/slow') await new Promise<void>((resolve) => (release = resolve));
      return ok(exchange);
    });
    const [slow, idle] = [open(port), open(port)];
    await idle.untilAnswersTo(get());
    expect(idle.finals[0]?.head).toMatch(/keep-alive/);
    slow.write(get('/slow'));
    await expect.poll(() => release).toBeDefined();
    const drained = server.drain({ delayMs: 50, timeoutMs: 20_000 });
    const late = open(port);
    await late.untilAnswersTo(get());
    idle.write(get());
    await idle.closed;
    release?.();
    await drained;
    expect([slow, idle, late].map((client) => client.finals.map(({ status }) => status))).toEqual([[200], [200, 200], [200]]);
    for (const client of [slow, idle, late]) expect(client.finals.at(-1)?.head).toMatch(/connection: close/i);
    const refused = new RawClient(port);
    await refused.closed;
    expect(refused.ending).toBe('ECONNREFUSED');
  });
  it('a lull before the listener closes is not the end: what comes after it is answered too', async () => {
    let release: (() => void) | undefined;
    const { port, server } = await serve(async (exchange) => {
      if (exchange.head.path === '/slow') await new Promise<void>((resolve) => (release = resolve));
      return ok(exchange);
    });
    const first = open(port);
    const drained = server.drain({ delayMs: 300, timeoutMs: 20_000 });
    await first.untilAnswersTo(get());
    await first.closed;
    const slow = open(port);
    slow.write(get('/slow'));
    await expect.poll(() => release).toBeDefined();
    await expect.poll(async () => {
      const late = new RawClient(port);
      await late.untilAnswersTo(get());
      return late.ending;
    }).toBe('ECONNREFUSED');
    release?.();
    await drained;
    expect(slow.finals.map(({ status }) => status)).toEqual([200]);
  });

  it('ends what is left when its time is over', async () => {
    const { port, server } = await serve(untilCancelled);
    const [client, idle] = [open(port), open(port)];
    client.write(get());
    await expect.poll(() => server.inFlight).toBe(1);
    await server.drain({ delayMs: 1, timeoutMs: 50 });
    await Promise.all([client.closed, idle.closed]);
    expect(client.finals.map(({ status }) => status)).toEqual([503]);
  });
});

import { compose } from '@tidegate/pipeline';
import { RawClient } from '@tidegate/testkit';
import { systemClock } from '@tidegate/units';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identifyRequest } from '../identify-request.js';
import { rescueErrors } from '../rescue-errors.js';
import { createGatewayServer, type GatewayServer } from './gateway-server.js';
import { HttpExchange } from './http-exchange.js';

// Random streams of requests, cut anywhere, whole or damaged (gateway/H2): what stages saw is what was answered.

let server: GatewayServer<HttpExchange>;
let port = 0;
let seen: string[] = [];
let refused = 0;
let cancelled = 0;
const failures: string[] = [];

beforeAll(async () => {
  const stages = [
    identifyRequest<HttpExchange>({ deadlineMs: 15_000 }),
    rescueErrors<HttpExchange>({ onFault: (_exchange, { code }) => (code === 'client-closed' ? (cancelled += 1) : (refused += 1)) }),
    async function echo({ head, body, response, cancellation }: HttpExchange) {
      body.wanted();
      const chunks: Uint8Array[] = [];
      const { stream } = body;
      if (stream !== null) {
        await new Promise<void>((resolve, reject) => {
          cancellation.onCancel(() => reject(cancellation.reason ?? new Error('no reason')));
          stream.on('data', (chunk: Uint8Array) => chunks.push(chunk));
          stream.on('end', resolve);
        });
      }
      seen.push(`${head.method} ${head.path} ${Buffer.concat(chunks).toString('latin1')}`);
      response.start({ status: 200, fields: ['content-length', '2', ...(head.method === 'HEAD' ? ['x-no-body', '1'] : [])] });
      response.write(Buffer.from('ok'));
      response.end();
    },
  ];
  server = createGatewayServer({
    name: 'public',
    address: { host: '127.0.0.1', port: 0 },
    createExchange: (parts) => new HttpExchange(parts),
    onExchange: compose(stages),
    onRefused: () => (refused += 1),
    logger: { error: (details, message) => failures.push(`${message} ${JSON.stringify(details)}`), warn: () => undefined },
    clock: systemClock,
  });
  ({ port } = await server.listen());
});
afterAll(() => server.close());

interface Sent {
  readonly bytes: string;
  readonly saw: string;
}

const segment = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
const bodyText = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 60 });

const message: fc.Arbitrary<Sent> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'),
    path: segment,
    extra: fc.array(fc.tuple(segment, value), { maxLength: 3 }),
    body: fc.option(fc.array(bodyText, { minLength: 1, maxLength: 3 })),
    isChunked: fc.boolean(),
  })
  .map(({ method, path, extra, body, isChunked }) => {
    let head = `${method} /${path} HTTP/1.1\r\nHost: h\r\n`;
    for (const [name, text] of extra) head += `x-${name}: ${text}\r\n`;
    if (body === null) return { bytes: `${head}\r\n`, saw: `${method} /${path} ` };
    const text = body.join('');
    const saw = `${method} /${path} ${text}`;
    if (!isChunked) return { bytes: `${head}Content-Length: ${text.length}\r\n\r\n${text}`, saw };
    const chunks = body.filter((chunk) => chunk !== '').map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`);
    return { bytes: `${head}Transfer-Encoding: chunked\r\n\r\n${chunks.join('')}0\r\n\r\n`, saw };
  });

const messages = fc.array(message, { minLength: 1, maxLength: 5 });
/** Without HEAD: an answer to a HEAD that was refused cannot be told from one with a body by looking at it. */
const countable = fc.array(message.filter(({ bytes }) => !bytes.startsWith('HEAD')), { minLength: 1, maxLength: 5 });
/** Where to cut, as parts of the whole. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });

interface Damage {
  readonly at: number;
  readonly kind: 'replace' | 'insert' | 'delete' | 'repeat';
  readonly text: string;
}

const spiteful = ['\r', '\n', '\r\n', ' ', '\t', ':', ',', ';', '\0', '0', '5', '\x7f', '\xff', 'Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n',
  '\r\n\r\n', 'GET / HTTP/1.1\r\nHost: h\r\n\r\n', 'Connection: close\r\n', 'Connection: upgrade\r\nUpgrade: x\r\n', '0\r\n\r\n', 'Expect: 100-continue\r\n', 'CONNECT h:1 HTTP/1.1\r\n\r\n'];
const damages: fc.Arbitrary<Damage[]> = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    kind: fc.constantFrom('replace', 'insert', 'delete', 'repeat'),
    text: fc.constantFrom(...spiteful),
  }),
  { minLength: 1, maxLength: 4 },
);

function damage(bytes: string, { at, kind, text }: Damage): string {
  const place = Math.floor(at * bytes.length);
  const [before, after] = [bytes.slice(0, place), bytes.slice(place)];
  switch (kind) {
    case 'replace':
      return before + text + after.slice(text.length);
    case 'insert':
      return before + text + after;
    case 'delete':
      return before + after.slice(3);
    default:
      return before + after.slice(0, 20) + after;
  }
}

/** Sends the pieces and a FIN, and returns the statuses of all final answers. */
async function converse(bytes: string, places: readonly number[]): Promise<number[]> {
  seen = [];
  refused = 0;
  cancelled = 0;
  const client = new RawClient(port);
  const marks = [0, ...places.map((place) => Math.floor(place * bytes.length)).sort((a, b) => a - b), bytes.length];
  for (let i = 1; i < marks.length; i += 1) {
    client.write(bytes.slice(marks[i - 1], marks[i]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  client.socket.end();
  await client.closed;
  while (server.connections > 0 || server.inFlight > 0) await new Promise((resolve) => setImmediate(resolve));
  return client.finals.map(({ status }) => status);
}

describe('gateway/H2: one in, one out', () => {
  it('whole requests arrive as they were sent, in order, wherever the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(messages, cuts, async (sent, places) => {
        const statuses = await converse(sent.map(({ bytes }) => bytes).join(''), places);
        expect(seen).toEqual(sent.map(({ saw }) => saw));
        expect(statuses).toEqual(sent.map(() => 200));
      }),
      { numRuns: 300 },
    );
  });

  it('of a damaged stream, as many answers as requests seen or refused, and none that broke off is counted as seen', async () => {
    await fc.assert(
      fc.asyncProperty(countable, damages, cuts, async (sent, harm, places) => {
        let bytes = sent.map(({ bytes: own }) => own).join('');
        for (const one of harm) bytes = damage(bytes, one);
        const statuses = await converse(bytes, places);
        expect(statuses.filter((status) => status === 200).length).toBe(seen.length);
        expect(statuses.filter((status) => status !== 200).length).toBe(refused);
        expect(cancelled).toBeLessThanOrEqual(1);
        expect(failures).toEqual([]);
      }),
      { numRuns: 1_500 },
    );
  });

  it('noise never brings it down', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 400 }), cuts, async (noise, places) => {
        const statuses = await converse(Buffer.from(noise).toString('latin1'), places);
        expect(seen).toEqual([]);
        expect(statuses.length).toBe(refused);
      }),
      { numRuns: 200 },
    );
    expect(await converse('GET / HTTP/1.1\r\nHost: h\r\n\r\n', [])).toEqual([200]);
  });
});

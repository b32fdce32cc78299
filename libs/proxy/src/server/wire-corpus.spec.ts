import { compose } from '@tidegate/pipeline';
import { RawClient } from '@tidegate/testkit';
import { systemClock } from '@tidegate/units';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identifyRequest } from '../identify-request.js';
import { rescueErrors } from '../rescue-errors.js';
import { createGatewayServer, type GatewayServer } from './gateway-server.js';
import { HttpExchange } from './http-exchange.js';
import type { Refusal } from './refusal.js';

// What Node's parser and our own checks make of bytes, case by case, on a raw socket (gateway/H1, H2): the answers the
// client gets, the requests a stage saw whole, and whether the connection can be used again.

interface Case {
  readonly name: string;
  readonly bytes: string;
  readonly answers: readonly number[];
  /** `METHOD authority/path body` of every request whose body arrived whole. */
  readonly seen: readonly string[];
  readonly after: 'open' | 'closed';
}

const seen: string[] = [];
const refusals: Refusal[] = [];
let cancelled = 0;
let server: GatewayServer<HttpExchange>;
let port = 0;

async function recordAndAnswer(exchange: HttpExchange): Promise<void> {
  const { head, body, response } = exchange;
  body.wanted();
  const chunks: Uint8Array[] = [];
  if (body.stream !== null) {
    const { stream } = body;
    await new Promise<void>((resolve, reject) => {
      exchange.cancellation.onCancel(() => {
        cancelled += 1;
        reject(exchange.cancellation.reason ?? new Error('no reason'));
      });
      stream.on('data', (chunk: Uint8Array) => chunks.push(chunk));
      stream.on('end', resolve);
    });
  }
  const text = Buffer.concat(chunks).toString('latin1');
  seen.push(`${head.method} ${head.authority}${head.path}${head.query}${text === '' ? '' : ` ${text}`}`);
  const noBody = head.method === 'HEAD' ? ['x-no-body', '1'] : [];
  response.start({ status: 200, fields: ['content-length', '2', ...noBody] });
  response.write(Buffer.from('ok'));
  response.end();
}

beforeAll(async () => {
  const stages = [
    identifyRequest<HttpExchange>({ deadlineMs: 15_000 }),
    rescueErrors<HttpExchange>(),
    async function recordAndAnswerStage(exchange: HttpExchange) {
      await recordAndAnswer(exchange);
    },
  ];
  server = createGatewayServer({
    name: 'public',
    address: { host: '127.0.0.1', port: 0 },
    createExchange: (parts) => new HttpExchange(parts),
    onExchange: compose(stages),
    onRefused: (refusal) => refusals.push(refusal),
    logger: { error: (details, message) => expect.fail(`${message} ${JSON.stringify(details)}`), warn: () => undefined },
    clock: systemClock,
  });
  ({ port } = await server.listen());
});
afterAll(() => server.close());

const host = 'Host: h\r\n';
const request = (line: string, fields = '', body = ''): string => `${line}\r\n${host}${fields}\r\n${body}`;
const get = (fields = ''): string => request('GET / HTTP/1.1', fields);
const post = (fields: string, body: string): string => request('POST / HTTP/1.1', fields, body);
const chunked = (body: string): string => post('Transfer-Encoding: chunked\r\n', body);
const next = request('GET /next HTTP/1.1');
const sawNext = 'GET h/next';

const good = (name: string, bytes: string, ...requests: string[]): Case => ({
  name, bytes, answers: requests.map(() => 200), seen: requests, after: 'open',
});
const last = (name: string, bytes: string, ...requests: string[]): Case => ({ ...good(name, bytes, ...requests), after: 'closed' });
const bad = (name: string, bytes: string, status = 400): Case => ({ name, bytes, answers: [status], seen: [], after: 'closed' });
/** The first request stands, what follows it does not. */
const badAfter = (name: string, bytes: string, first: string, status = 400): Case => ({
  name, bytes, answers: [200, status], seen: [first], after: 'closed',
});

const plain: Case[] = [
  good('a GET', get(), 'GET h/'),
  good('two GETs in one packet', get() + next, 'GET h/', sawNext),
  good('ten GETs in one packet', next.repeat(10), ...Array.from({ length: 10 }, () => sawNext)),
  good('a POST with a length', post('Content-Length: 5\r\n', 'hello'), 'POST h/ hello'),
  good('a POST with a length, then a GET', post('Content-Length: 5\r\n', 'hello') + next, 'POST h/ hello', sawNext),
  good('a POST without a body', post('', '') + next, 'POST h/', sawNext),
  good('a POST of length 0', post('Content-Length: 0\r\n', '') + next, 'POST h/', sawNext),
  good('a chunked POST, then a GET', chunked('5\r\nhello\r\n0\r\n\r\n') + next, 'POST h/ hello', sawNext),
  good('an empty chunked POST', chunked('0\r\n\r\n') + next, 'POST h/', sawNext),
  good('two chunks', chunked('5\r\nhello\r\nA\r\n, tidegate\r\n0\r\n\r\n'), 'POST h/ hello, tidegate'),
  good('a GET with a body', request('GET / HTTP/1.1', 'Content-Length: 5\r\n', 'hello') + next, 'GET h/ hello', sawNext),
  good('a chunked GET', request('GET / HTTP/1.1', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n') + next, 'GET h/ hello', sawNext),
  good('a DELETE with a body', request('DELETE / HTTP/1.1', 'Content-Length: 2\r\n', 'hi') + next, 'DELETE h/ hi', sawNext),
  good('a HEAD', request('HEAD / HTTP/1.1') + next, 'HEAD h/', sawNext),
  good('a HEAD with a body', request('HEAD / HTTP/1.1', 'Content-Length: 5\r\n', 'hello') + next, 'HEAD h/ hello', sawNext),
  good('OPTIONS *', request('OPTIONS * HTTP/1.1') + next, 'OPTIONS h*', sawNext),
  good('a method of WebDAV', request('PROPFIND / HTTP/1.1') + next, 'PROPFIND h/', sawNext),
  good('a body that looks like a request', post(`Content-Length: ${next.length}\r\n`, next), `POST h/ ${next}`),
  good('a chunk that looks like a request', chunked(`${next.length.toString(16)}\r\n${next}\r\n0\r\n\r\n`), `POST h/ ${next}`),
  good('empty lines before a request', `\r\n\r\n${get()}`, 'GET h/'),
  good('empty lines between requests', `${get()}\r\n\r\n${next}`, 'GET h/', sawNext),
  good('line ends of any kind before a request, which the parser skips', `\n\r\n\r${get()}`, 'GET h/'),
  last('Connection: close', get('Connection: close\r\n'), 'GET h/'),
  last('Connection: close, and a request behind it', get('Connection: close\r\n') + next, 'GET h/'),
  last('Connection: close, and garbage behind it', `${get('Connection: close\r\n')}GARBAGE`, 'GET h/'),
  last('Connection: close among others', get('Connection: foo, CLOSE\r\n') + next, 'GET h/'),
  last('HTTP/1.0', request('GET / HTTP/1.0') + next, 'GET h/'),
  last('HTTP/1.0 without Host', 'GET /old HTTP/1.0\r\n\r\n', 'GET /old'),
  good('HTTP/1.0 that is kept alive', request('GET / HTTP/1.0', 'Connection: keep-alive\r\n') + next, 'GET h/', sawNext),
  last('HTTP/1.0 with Expect, which it does not know', request('POST / HTTP/1.0', 'Expect: 100-continue\r\nContent-Length: 2\r\n', 'hi'), 'POST h/ hi'),
];

const requestLines: Case[] = [
  good('several spaces (accepted by name, gateway/H1)', request('GET   /   HTTP/1.1') + next, 'GET h/', sawNext),
  bad('a tab for a space', request('GET\t/ HTTP/1.1') + next),
  bad('a space before the method', ` ${get()}`),
  bad('a space behind the version', request('GET / HTTP/1.1 ') + next),
  bad('a space inside the target', request('GET /a b HTTP/1.1') + next),
  bad('no target', request('GET HTTP/1.1') + next),
  bad('a bare LF behind the line', `GET / HTTP/1.1\n${host}\r\n`),
  bad('a bare CR behind the line', `GET / HTTP/1.1\r${host}\r\n`),
  bad('a lower-case method', request('get / HTTP/1.1') + next),
  bad('an unknown method', request('FETCH / HTTP/1.1') + next),
  bad('a method with a control', request('GE\x01T / HTTP/1.1') + next),
  bad('no method at all', request('/ HTTP/1.1') + next),
  bad('HTTP/0.9', 'GET /\r\n\r\n', 505),
  bad('HTTP/0.9, spelled', request('GET / HTTP/0.9') + next, 505),
  bad('HTTP/2.0', request('GET / HTTP/2.0') + next, 505),
  bad('HTTP/1.2', request('GET / HTTP/1.2') + next, 505),
  bad('HTTP/3.0', request('GET / HTTP/3.0') + next, 505),
  bad('HTTP/1.10', request('GET / HTTP/1.10') + next),
  bad('HTTP/1', request('GET / HTTP/1') + next),
  bad('http/1.1', request('GET / http/1.1') + next),
  bad('HTTPS/1.1', request('GET / HTTPS/1.1') + next),
  bad('HTTP /1.1', request('GET / HTTP /1.1') + next),
  bad('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505),
  bad('TLS on a plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),
  bad('CONNECT', request('CONNECT h:443 HTTP/1.1') + next, 405),
  bad('CONNECT with a body', request('CONNECT h:443 HTTP/1.1', 'Content-Length: 5\r\n', 'hello'), 405),
  bad('TRACE', request('TRACE / HTTP/1.1') + next, 405),
  bad('a target that is no path', request('GET foo HTTP/1.1') + next),
  bad('a target that is only a query', request('GET ?a HTTP/1.1') + next),
  bad('GET *', request('GET * HTTP/1.1') + next),
  bad('POST *', request('POST * HTTP/1.1', 'Content-Length: 2\r\n', 'hi') + next),
  bad('a host and a port as target', request('GET h:80 HTTP/1.1') + next),
  good('an absolute target', request('GET http://other/a?b HTTP/1.1') + next, 'GET other/a?b', sawNext),
  good('an absolute target without path', request('GET http://other HTTP/1.1'), 'GET other/'),
  good('an absolute target with only a query', request('GET http://other?a=b HTTP/1.1'), 'GET other/?a=b'),
  good('an absolute target in capitals', request('GET HTTP://OTHER:8080/ HTTP/1.1'), 'GET other:8080/'),
  good('an absolute target with IPv6', request('GET http://[::1]:80/ HTTP/1.1'), 'GET [::1]:80/'),
  bad('an absolute target of another scheme', request('GET ftp://h/ HTTP/1.1') + next),
  bad('https on a plain listener', request('GET https://h/ HTTP/1.1') + next),
  bad('an absolute target without a host', request('GET http:///a HTTP/1.1') + next),
  bad('an absolute target with user information', request('GET http://me@h/ HTTP/1.1') + next),
  bad('an absolute target with a bad port', request('GET http://h:99999/ HTTP/1.1') + next),
  bad('an absolute target beside an invalid Host', 'GET http://other/ HTTP/1.1\r\nHost: a b\r\n\r\n'),
  bad('an absolute target beside no Host', 'GET http://other/ HTTP/1.1\r\n\r\n'),
  bad('a target of 8 KiB', request(`GET /${'a'.repeat(8_192)} HTTP/1.1`) + next, 414),
  bad('a target of 30 KiB', request(`GET /${'a'.repeat(30_000)} HTTP/1.1`) + next, 414),
];

const paths: Case[] = [
  good('an encoded letter is decoded', request('GET /%41%7e HTTP/1.1'), 'GET h/A~'),
  good('hex goes to upper case', request('GET /%c3%a9 HTTP/1.1'), 'GET h/%C3%A9'),
  good('dot segments are removed', request('GET /a/./b/../c HTTP/1.1'), 'GET h/a/c'),
  good('encoded dot segments too', request('GET /a/%2e%2E/c HTTP/1.1'), 'GET h/c'),
  good('a path cannot climb over its root', request('GET /../../etc HTTP/1.1'), 'GET h/etc'),
  good('a bad query is encoded once', request('GET /?a=%zz&b=<x> HTTP/1.1'), 'GET h/?a=%25zz&b=%3Cx%3E'),
  bad('a broken escape', request('GET /%zz HTTP/1.1') + next),
  bad('an encoded slash', request('GET /a%2fb HTTP/1.1') + next),
  bad('an encoded backslash', request('GET /a%5cb HTTP/1.1') + next),
  bad('an encoded NUL', request('GET /a%00 HTTP/1.1') + next),
  bad('a fragment', request('GET /a#b HTTP/1.1') + next),
  bad('a backslash', request('GET /a\\b HTTP/1.1') + next),
  bad('a brace', request('GET /{a} HTTP/1.1') + next),
  bad('a quote', request('GET /"a HTTP/1.1') + next),
  bad('two slashes', request('GET //a HTTP/1.1') + next),
  bad('parameters on a dot segment', request('GET /a/..;x/b HTTP/1.1') + next),
  bad('a byte above ASCII', request('GET /\xe9 HTTP/1.1') + next),
  bad('a DEL', request('GET /\x7f HTTP/1.1') + next),
  bad('a control', request('GET /\x01 HTTP/1.1') + next),
  bad('a NUL', request('GET /\0 HTTP/1.1') + next),
];

const hosts: Case[] = [
  good('a host with a port', 'GET / HTTP/1.1\r\nHost: H.example:8080\r\n\r\n', 'GET h.example:8080/'),
  good('an empty port', 'GET / HTTP/1.1\r\nHost: h:\r\n\r\n', 'GET h/'),
  good('an IPv6 host', 'GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n', 'GET [2001:db8::1]:80/'),
  good('an address', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 'GET 127.0.0.1/'),
  bad('none in HTTP/1.1', `GET / HTTP/1.1\r\n\r\n${next}`),
  bad('an empty one', `GET / HTTP/1.1\r\nHost:\r\n\r\n${next}`),
  bad('two', `GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${next}`),
  bad('the same one twice', `GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n${next}`),
  bad('two in HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n'),
  ...['a, b', 'a b', 'me@h', 'h/path', 'http://h', 'h?q', 'h#f', 'h:x', 'h:123456', 'h:70000', ':80', '[::1', '::1', '[::g]', '[::1]x', '[fe80::1%25eth0]', 'a..b', '.a', 'a\tb', 'a%20b', 'h\xe9', "h'", 'h;x', 'h\\x', 'h<x>'].map(
    (value) => bad(JSON.stringify(value), `GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n${next}`),
  ),
];

const fields: Case[] = [
  good('white space round a value', get('A:  \t b \t \r\n') + next, 'GET h/', sawNext),
  good('an empty value', get('A:\r\n') + next, 'GET h/', sawNext),
  good('a tab inside a value', get('A: b\tc\r\n') + next, 'GET h/', sawNext),
  good('bytes above ASCII in a value', get('A: \xe9\x80\xff\r\n') + next, 'GET h/', sawNext),
  good('every token character in a name', get("!#$%&'*+-.^_`|~09AZaz: b\r\n") + next, 'GET h/', sawNext),
  bad('a folded line', get('A: b\r\n c\r\n') + next),
  bad('a folded line by tab', get('A: b\r\n\tc\r\n') + next),
  bad('a fold behind an empty value', get('A:\r\n b\r\n') + next),
  bad('a fold of blanks', get('A: b\r\n \r\n') + next),
  bad('a first field that is folded', 'GET / HTTP/1.1\r\n Host: h\r\n\r\n'),
  bad('a folded Transfer-Encoding', post('Transfer-Encoding:\r\n chunked\r\n', '0\r\n\r\n')),
  bad('a folded Content-Length', post('Content-Length:\r\n 5\r\n', 'hello')),
  bad('white space before the colon', get('A : b\r\n') + next),
  bad('a tab before the colon', get('A\t: b\r\n') + next),
  bad('white space in a name', get('A B: b\r\n') + next),
  bad('no name', get(': b\r\n') + next),
  bad('no colon', get('Abc\r\n') + next),
  ...['(', ')', '<', '>', '@', ',', ';', '\\', '"', '/', '[', ']', '?', '=', '{', '}', '\x01', '\x7f', '\xe9', '\0'].map((char) =>
    bad(`${JSON.stringify(char)} in a name`, get(`A${char}: b\r\n`) + next)),
  ...['\0', '\x01', '\x08', '\x0b', '\x0c', '\x1b', '\x7f'].flatMap((char) => [
    bad(`${JSON.stringify(char)} in a value`, get(`A: b${char}c\r\n`) + next),
    bad(`${JSON.stringify(char)} alone as a value`, get(`A: ${char}\r\n`) + next),
  ]),
  bad('a bare LF behind a field', `GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n`),
  bad('a bare CR behind a field', `GET / HTTP/1.1\r\nHost: h\rA: b\r\n\r\n`),
  bad('a bare LF in a value', get('A: b\nc: d\r\n') + next),
  bad('a bare CR in a value', get('A: b\rc\r\n') + next),
  bad('a bare LF as the empty line', `GET / HTTP/1.1\r\nHost: h\r\n\n`),
  bad('a bare CR as the empty line', `GET / HTTP/1.1\r\nHost: h\r\n\rX`),
  good('100 fields', get(Array.from({ length: 99 }, (_, i) => `f${i}: x\r\n`).join('')) + next, 'GET h/', sawNext),
  bad('101 fields', get(Array.from({ length: 100 }, (_, i) => `f${i}: x\r\n`).join('')) + next, 431),
  bad('3,000 fields', get(Array.from({ length: 2_999 }, (_, i) => `f${i}: x\r\n`).join('')) + next, 431),
  good('15 KiB of fields', get(`a: ${'x'.repeat(15_000)}\r\n`) + next, 'GET h/', sawNext),
  bad('17 KiB of fields', get(`a: ${'x'.repeat(17_000)}\r\n`) + next, 431),
  bad('30 KiB of fields', get(`a: ${'x'.repeat(30_000)}\r\n`) + next, 431),
];

const lengths: Case[] = [
  good('leading zeros', post('Content-Length: 0005\r\n', 'hello') + next, 'POST h/ hello', sawNext),
  good('blanks round it', post('Content-Length:  5 \t\r\n', 'hello') + next, 'POST h/ hello', sawNext),
  ...['', ' ', '+5', '-5', '5,5', '5, 5', '5 5', '0x5', '5.0', '5;', '"5"', '5e0', '\xb2', '5\0', '99999999999999999999', '18446744073709551615', '9007199254740993'].map(
    (value) => bad(JSON.stringify(value), post(`Content-Length: ${value}\r\n`, 'hello') + next),
  ),
  bad('two that agree', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello') + next),
  bad('two that differ', post('Content-Length: 5\r\ncontent-length: 6\r\n', 'hello') + next),
  bad('an empty one before a good one', post('Content-Length:\r\nContent-Length: 5\r\n', 'hello') + next),
  bad('beside Transfer-Encoding', post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n') + next),
  bad('behind Transfer-Encoding', post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n') + next),
  bad('of 0 behind Transfer-Encoding', post('Transfer-Encoding: chunked\r\nContent-Length: 0\r\n', '0\r\n\r\n') + next),
  bad('far too short: the rest is garbage', post('Content-Length: 1\r\n', 'hello')),
].map((entry) => (entry.name.startsWith('far') ? { ...entry, answers: [200, 400], seen: ['POST h/ h'] } : entry));

const codings: Case[] = [
  good('in capitals', post('TRANSFER-ENCODING: CHUNKED\r\n', '5\r\nhello\r\n0\r\n\r\n') + next, 'POST h/ hello', sawNext),
  good('with blanks round it', post('Transfer-Encoding: \t chunked \r\n', '0\r\n\r\n') + next, 'POST h/', sawNext),
  ...['gzip', 'gzip, chunked', 'chunked, gzip', 'chunked, chunked', ',chunked', 'chunked,', 'identity', 'identity, chunked', 'xchunked', 'chunkedx', '"chunked"', 'chunked;q=1', '', 'chunk', 'trailers, chunked', 'chunked\tx', 'chun ked', 'chunked\x0b'].map(
    (value) => bad(JSON.stringify(value), post(`Transfer-Encoding: ${value}\r\n`, '5\r\nhello\r\n0\r\n\r\n') + next),
  ),
  bad('twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n') + next),
  bad('gzip and chunked in two fields', post('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n') + next),
  bad('chunked and identity in two fields', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n') + next),
  bad('in HTTP/1.0', request('POST / HTTP/1.0', 'Transfer-Encoding: chunked\r\n', '0\r\n\r\n') + next),
  bad('in a kept-alive HTTP/1.0', request('POST / HTTP/1.0', 'Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n') + next),
];

const chunks: Case[] = [
  good('leading zeros (accepted by name, gateway/H1)', chunked('00005\r\nhello\r\n000\r\n\r\n') + next, 'POST h/ hello', sawNext),
  good('sizes in either case', chunked('a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n'), 'POST h/ 01234567890123456789'),
  good('an extension', chunked('5;a=b\r\nhello\r\n0\r\n\r\n') + next, 'POST h/ hello', sawNext),
  good('a quoted extension', chunked('5;a="b;c"\r\nhello\r\n0;x\r\n\r\n') + next, 'POST h/ hello', sawNext),
  good('a trailer', chunked('5\r\nhello\r\n0\r\nA: b\r\n\r\n') + next, 'POST h/ hello', sawNext),
  good('a trailer named Host, dropped', chunked('5\r\nhello\r\n0\r\nHost: evil\r\n\r\n') + next, 'POST h/ hello', sawNext),
  ...Object.entries({
    'size with 0x': '0x5\r\nhello\r\n0\r\n\r\n',
    'size with a blank behind it': '5 \r\nhello\r\n0\r\n\r\n',
    'size with a blank before it': ' 5\r\nhello\r\n0\r\n\r\n',
    'size with a tab behind it': '5\t\r\nhello\r\n0\r\n\r\n',
    'size with a minus': '-5\r\nhello\r\n0\r\n\r\n',
    'size with a plus': '+5\r\nhello\r\n0\r\n\r\n',
    'no size': '\r\nhello\r\n0\r\n\r\n',
    'size that is no hex': 'g\r\nhello\r\n0\r\n\r\n',
    'size with an underscore': '0_5\r\nhello\r\n0\r\n\r\n',
    'size beyond 64 bits': 'fffffffffffffffff\r\nhello',
    'size before a bare LF': '5\nhello\r\n0\r\n\r\n',
    'size before a bare CR': '5\rhello\r\n0\r\n\r\n',
    'extension before a bare LF': '5;a\nhello\r\n0\r\n\r\n',
    'extension with a bare CR': '5;a\rb\r\nhello\r\n0\r\n\r\n',
    'extension with a NUL': '5;a\0\r\nhello\r\n0\r\n\r\n',
    'empty extension': '5;\r\nhello\r\n0\r\n\r\n',
    'blank before an extension': '5 ;a=b\r\nhello\r\n0\r\n\r\n',
    'extensions of 20 KiB': `5;${'a'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`,
    'no CRLF behind the data': '5\r\nhello0\r\n\r\n',
    'a bare LF behind the data': '5\r\nhello\n0\r\n\r\n',
    'two letters behind the data': '5\r\nhelloXX0\r\n\r\n',
    'more data than said': '3\r\nhello\r\n0\r\n\r\n',
    'less data than said': '7\r\nhello\r\n0\r\n\r\n',
    'a bare LF behind the last size': '5\r\nhello\r\n0\n\r\n',
    'a bare LF as the end': '5\r\nhello\r\n0\r\n\n',
    'a bare CR as the end': '5\r\nhello\r\n0\r\n\rX',
    'a trailer without a colon': '5\r\nhello\r\n0\r\nA b\r\n\r\n',
    'a trailer with a blank before its colon': '5\r\nhello\r\n0\r\nA : b\r\n\r\n',
    'a folded trailer': '5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n',
    'a trailer before a bare LF': '5\r\nhello\r\n0\r\nA: b\n\r\n',
    'a Content-Length as trailer': '5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n',
    'a Transfer-Encoding as trailer': '5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n',
    'trailers of 40 KiB': `0\r\n${`a: ${'x'.repeat(4_000)}\r\n`.repeat(10)}\r\n`,
  }).map(([name, body]) => bad(name, chunked(body))),
];

const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
const others: Case[] = [
  last('an upgrade is answered as HTTP and ends the connection', get(upgrade), 'GET h/'),
  last('what follows an upgrade is no request', get(upgrade) + next, 'GET h/'),
  last('an upgrade with a body', post(`${upgrade}Content-Length: 5\r\n`, 'hello') + next, 'POST h/ hello'),
  last('an upgrade to h2c', get('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n') + next, 'GET h/'),
  good('Upgrade without Connection is a field like others', get('Upgrade: websocket\r\n') + next, 'GET h/', sawNext),
  bad('an expectation we do not know', post('Expect: tea\r\nContent-Length: 5\r\n', 'hello') + next, 417),
  bad('100-continue among others', post('Expect: 100-continue, tea\r\nContent-Length: 5\r\n', 'hello') + next, 417),
  bad('100-continue with a parameter', post('Expect: 100-continue;a=b\r\nContent-Length: 5\r\n', 'hello') + next, 417),
  good('Expect: 100-Continue', post('Expect: 100-Continue\r\nContent-Length: 5\r\n', 'hello') + next, 'POST h/ hello', sawNext),
  badAfter('garbage behind a request', `${get()}GARBAGE\r\n\r\n`, 'GET h/'),
  badAfter('a bad head behind a good request', get() + get('A : b\r\n'), 'GET h/'),
  badAfter('a bad Host behind a good request', `${get()}GET / HTTP/1.1\r\nHost: a b\r\n\r\n${next}`, 'GET h/'),
  { ...badAfter('a bad head behind two good requests', get() + next + get('A : b\r\n'), 'GET h/'), answers: [200, 200, 400], seen: ['GET h/', sawNext] },
  { ...badAfter('a bad chunk behind two good requests', get() + next + chunked('x\r\n'), 'GET h/'), answers: [200, 200, 400], seen: ['GET h/', sawNext] },
  badAfter('a bad chunk behind a good request', get() + chunked('x\r\n'), 'GET h/'),
  badAfter('a CONNECT behind a good request', get() + request('CONNECT h:1 HTTP/1.1'), 'GET h/', 405),
  badAfter('a TRACE behind a good request', get() + request('TRACE / HTTP/1.1') + next, 'GET h/', 405),
  badAfter('a request behind a body that is longer than said', post('Content-Length: 3\r\n', 'hello') + next, 'POST h/ hel'),
  badAfter('Connection: close as trailer ends the parser, not silently', chunked('5\r\nhello\r\n0\r\nConnection: close\r\n\r\n') + next, 'POST h/ hello'),
];

const corpus: Record<string, Case[]> = {
  'a valid message': plain, 'a request line': requestLines, 'a path': paths, 'a Host': hosts, 'a field': fields,
  'a Content-Length': lengths, 'a Transfer-Encoding': codings, 'a chunk': chunks, 'the rest': others,
};

/** Sends a case and asks the connection, where it should live on, for one request more. */
async function run({ answers, after }: Case, pieces: readonly string[]): Promise<{ statuses: number[]; isOpen: boolean }> {
  seen.length = 0;
  refusals.length = 0;
  cancelled = 0;
  const client = new RawClient(port);
  for (const piece of pieces) {
    client.write(piece);
    if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve));
  }
  await client.untilAnswers(answers.length);
  if (after === 'open') {
    client.write('GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
  }
  await client.closed;
  const statuses = client.finals.map(({ status }) => status);
  const isOpen = seen.at(-1) === 'GET h/last' && statuses.at(-1) === 200;
  if (isOpen) {
    seen.pop();
    statuses.pop();
  }
  return { statuses, isOpen };
}

function check(entry: Case, result: { statuses: number[]; isOpen: boolean }): void {
  const refusedCount = entry.answers.filter((status) => status !== 200).length;
  expect({ ...result, seen: [...seen] }).toEqual({ statuses: [...entry.answers], isOpen: entry.after === 'open', seen: [...entry.seen] });
  expect(refusals.length + cancelled, 'each refused request is counted once').toBe(refusedCount);
}

describe.each(Object.entries(corpus))('gateway/H1, H2: %s', (_group, cases) => {
  it.each(cases.map((entry) => [entry.name, entry] as const))('%s', async (_name, entry) => {
    check(entry, await run(entry, [entry.bytes]));
  });
});

describe('gateway/H2: the same verdicts byte by byte', () => {
  const short = Object.values(corpus).flat().filter(({ bytes }) => bytes.length < 600);
  it.each(short.map((entry) => [entry.name, entry] as const))('%s', async (_name, entry) => {
    check(entry, await run(entry, entry.bytes.split('')));
  });
});

it('the corpus has more than 200 cases', () => {
  expect(Object.values(corpus).flat().length).toBeGreaterThan(200);
});

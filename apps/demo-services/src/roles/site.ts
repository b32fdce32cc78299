import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { keepAliveTimeoutMs } from '../role-server.js';

const chunkBytes = 65_536;
const sizeBytesMax = 268_435_456;
const line = 'The tide comes in, the tide goes out, and nobody is asked.\n';
const filler = Buffer.from(line.repeat(Math.ceil(chunkBytes / line.length)).slice(0, chunkBytes));

/** What an answer shall look like. */
interface Wanted {
  readonly status: number;
  readonly bytes: number;
}

/**
 * A site that answers any path. A replay says what was recorded, by `x-demo-status` (200 to 599) and `x-demo-size` (bytes,
 * up to 256 MiB) or, without these fields, by `?status=&size=`; otherwise 200 with a few hundred bytes. Plain node:http: replays and benchmarks
 * measure the gateway, not this.
 */
export function createSite(role: string): Server {
  const server = createServer((request, response) => {
    if (request.url === '/healthz') response.setHeader('x-tidegate-backend', role).end('ok\n');
    else answerSite(request, response, role);
  });
  server.keepAliveTimeout = keepAliveTimeoutMs;
  return server;
}

function answerSite(request: IncomingMessage, response: ServerResponse, role: string): void {
  request.resume();
  const wanted = readWanted(request);
  if (wanted === undefined) {
    response.writeHead(400, { 'x-tidegate-backend': role, 'content-type': 'text/plain' });
    response.end('x-demo-status is 200 to 599, x-demo-size 0 to 268435456\n');
    return;
  }
  const hasBody = wanted.status !== 204 && wanted.status !== 304;
  response.writeHead(wanted.status, hasBody ? ['x-tidegate-backend', role, 'content-type', 'text/plain', 'content-length', String(wanted.bytes)] : ['x-tidegate-backend', role]);
  if (!hasBody || request.method === 'HEAD') response.end();
  else if (wanted.bytes <= chunkBytes) response.end(filler.subarray(0, wanted.bytes));
  else writeLong(response, wanted.bytes);
}

function readWanted({ headers, url = '/' }: IncomingMessage): Wanted | undefined {
  const isSaid = headers['x-demo-status'] !== undefined || headers['x-demo-size'] !== undefined;
  const query = isSaid || !url.includes('?') ? undefined : new URLSearchParams(url.slice(url.indexOf('?')));
  const status = Number(headers['x-demo-status'] ?? query?.get('status') ?? 200);
  const bytes = Number(headers['x-demo-size'] ?? query?.get('size') ?? 256);
  const isStatus = Number.isInteger(status) && status >= 200 && status <= 599;
  return isStatus && Number.isInteger(bytes) && bytes >= 0 && bytes <= sizeBytesMax ? { status, bytes } : undefined;
}

function writeLong(response: ServerResponse, bytes: number): void {
  let left = bytes;
  const writeOn = (): void => {
    while (left > 0) {
      const chunk = left >= chunkBytes ? filler : filler.subarray(0, left);
      left -= chunk.length;
      if (!response.write(chunk) && left > 0) return void response.once('drain', writeOn);
    }
    response.end();
  };
  writeOn();
}

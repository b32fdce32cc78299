import type { IncomingMessage, ServerResponse } from 'node:http';
import { startUpstream, type Upstream } from '@tidegate/testkit';

/** What a service of the spec was asked. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly fields: readonly string[];
}

/** A service that tells what it saw, streams, and waits. */
export interface EchoUpstream {
  readonly upstream: Upstream;
  /** Calls whose caller left before the answer ended. */
  readonly cancelled: string[];
  /** Calls that have no whole answer yet. */
  readonly open: Set<string>;
}

const mebibyte = Buffer.alloc(1_048_576, 'tide ');

/**
 * Starts it on a free port or the given one:
 * any path: JSON of what arrived; `.../events`: one event at once, the next ones every 50 ms until the caller leaves;
 * `.../slow?ms=`: answers late; `.../silent`: never; `.../large?mib=`: so many MiB.
 */
export async function startEcho(port = 0): Promise<EchoUpstream> {
  const cancelled: string[] = [];
  const open = new Set<string>();
  const upstream = await startUpstream((request, response) => {
    const url = new URL(request.url ?? '/', 'http://echo');
    const name = url.searchParams.get('name') ?? url.pathname;
    open.add(name);
    response.once('close', () => {
      open.delete(name);
      if (!response.writableFinished) cancelled.push(name);
    });
    answer(request, response, url);
  }, port);
  return { upstream, cancelled, open };
}

function answer(request: IncomingMessage, response: ServerResponse, url: URL): void {
  if (url.pathname.endsWith('/events')) return sendEvents(response);
  if (url.pathname.endsWith('/silent')) return void request.resume();
  if (url.pathname.endsWith('/large')) return sendLarge(response, Number(url.searchParams.get('mib')));
  if (url.pathname.endsWith('/slow')) return void setTimeout(() => response.end('late'), Number(url.searchParams.get('ms')));
  let bytes = 0;
  request.on('data', (chunk: Buffer) => (bytes += chunk.length));
  request.once('end', () => {
    response.setHeader('content-type', 'application/json');
    // What no service may tell a client.
    response.setHeader('x-tidegate-config', 'forged');
    response.setHeader('x-tidegate-egress', 'forged');
    response.setHeader('l5d-client-id', 'forged');
    response.setHeader('ratelimit', '"forged";r=1');
    response.end(JSON.stringify({ method: request.method, url: request.url, fields: request.rawHeaders, bytes }));
  });
}

function sendEvents(response: ServerResponse): void {
  response.setHeader('content-type', 'text/event-stream');
  let id = 0;
  const send = (): void => void response.write(`id: ${(id += 1)}\n\n`);
  send();
  const timer = setInterval(send, 50);
  response.once('close', () => clearInterval(timer));
}

function sendLarge(response: ServerResponse, mebibytes: number): void {
  response.setHeader('content-length', String(mebibytes * mebibyte.length));
  let left = mebibytes;
  const writeOn = (): void => {
    while (left > 0) {
      left -= 1;
      if (!response.write(mebibyte) && left > 0) return void response.once('drain', writeOn);
    }
    response.end();
  };
  writeOn();
}

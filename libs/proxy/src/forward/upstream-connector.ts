import type { Socket } from 'node:net';
import { buildConnector } from 'undici';

/** The part of undici's HTTP/1 parser that is told of each response head. */
interface HeadParser {
  onHeadersComplete: (this: HeadParser, status: number, ...rest: readonly boolean[]) => number;
}

const patchedParsers = new WeakSet<object>();
let socketBeingReset: Socket | undefined;

/**
 * True while undici reacts to a connection reset. It ends a close-delimited body that a reset cut as if it were
 * complete; who asks in onResponseEnd knows better (gateway/H9).
 */
export function isConnectionBeingReset(): boolean {
  return socketBeingReset !== undefined;
}

/**
 * undici's connector for HTTP/1.1, with two corrections to what it does with a connected socket: an unsolicited 100
 * (Continue) is absorbed like any other 1xx instead of failing the request (gateway/H8), and a reset is remembered
 * while it is handled (see isConnectionBeingReset).
 * @param timeoutMs to the connected socket, TLS included
 */
export function createUpstreamConnector(timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: 0, allowH2: false }) as ReturningConnector;
  return (options, callback) => {
    const socket = connect(options, (error, connected) => {
      clearTimeout(timer);
      if (error !== null || connected === null) callback(error ?? new Error('no socket'), null);
      else handOver(connected, callback);
    });
    const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
  };
}

/** What undici's connector is, beyond its type: it returns the socket that connects. */
type ReturningConnector = (
  options: buildConnector.Options,
  callback: (error: Error | null, socket: Socket | null) => void,
) => Socket;

function handOver(socket: Socket, callback: buildConnector.Callback): void {
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') socketBeingReset = socket;
  });
  callback(null, socket);
  socket.on('error', () => (socketBeingReset = undefined));
  absorbContinue(socket);
}

/** undici makes its parser while it takes the socket over; all parsers share one prototype, so one patch is enough. */
function absorbContinue(socket: Socket): void {
  const key = Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === 'parser');
  const parser = key === undefined ? undefined : (socket as unknown as Record<symbol, HeadParser | null>)[key];
  if (parser === undefined || parser === null) return;
  const prototype = Object.getPrototypeOf(parser) as HeadParser;
  if (patchedParsers.has(prototype) || typeof prototype.onHeadersComplete !== 'function') return;
  patchedParsers.add(prototype);
  const { onHeadersComplete } = prototype;
  prototype.onHeadersComplete = function onHead(status, ...rest) {
    return onHeadersComplete.call(this, status === 100 ? 102 : status, ...rest);
  };
}

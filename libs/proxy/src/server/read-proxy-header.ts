import type { Socket } from 'node:net';
import { parseProxyHeader, type ProxiedPeer } from './proxy-header.js';

export interface ReadProxyHeaderOptions {
  readonly timeoutMs: number;
  /** The header was read, and what follows it will be read next. */
  readonly onRead: (peer: ProxiedPeer | undefined) => void;
  /** There is no header, or not in time: the connection is closed. */
  readonly onInvalid: () => void;
}

/** Reads the PROXY protocol's header off a fresh connection, and nothing behind it. */
export function readProxyHeader(socket: Socket, { timeoutMs, onRead, onInvalid }: ReadProxyHeaderOptions): void {
  let received: Buffer = Buffer.alloc(0);
  const refuse = (): void => {
    release();
    onInvalid();
    socket.destroy();
  };
  const take = (chunk: Buffer): void => {
    received = Buffer.concat([received, chunk]);
    const header = parseProxyHeader(received);
    if (header === 'invalid') refuse();
    if (typeof header === 'string') return;
    release();
    socket.pause();
    if (received.length > header.length) socket.unshift(received.subarray(header.length));
    onRead(header.peer);
    socket.resume();
  };
  const timer = setTimeout(refuse, timeoutMs).unref();
  const fail = (): void => void socket.destroy();
  const release = (): void => {
    clearTimeout(timer);
    socket.off('data', take).off('error', fail).off('end', fail).off('close', release);
  };
  socket.on('data', take).on('error', fail).on('end', fail).on('close', release);
}

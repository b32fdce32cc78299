import { createServer, type AddressInfo, type Socket } from 'node:net';

/** A server that speaks raw bytes, for what no HTTP server would send. */
export interface RawUpstream {
  readonly url: string;
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  /** Everything received so far, over all connections. */
  readonly received: string;
  close(): Promise<void>;
}

/** How a raw upstream reacts to one connection. */
export interface RawConnection {
  readonly socket: Socket;
  /** From 1. */
  readonly number: number;
  /** Calls back for each request whose head has arrived, with its number on this connection, from 1. */
  readonly onRequest: (listener: (head: string, number: number) => void) => void;
}

/** Starts one on port 0 of 127.0.0.1. `onRequest` sees heads only; bodies count as received. */
export async function startRawUpstream(onConnection: (connection: RawConnection) => void): Promise<RawUpstream> {
  let connections = 0;
  let received = '';
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    let pending = '';
    let requests = 0;
    const listeners: ((head: string, number: number) => void)[] = [];
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      pending += chunk.toString('latin1');
      for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
        const head = pending.slice(0, end + 4);
        pending = pending.slice(end + 4);
        if (!/^[A-Z]+ /.test(head)) continue;
        requests += 1;
        for (const listener of listeners) listener(head, requests);
      }
    });
    onConnection({ socket, number: connections, onRequest: (listener) => listeners.push(listener) });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    get connections() {
      return connections;
    },
    get received() {
      return received;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

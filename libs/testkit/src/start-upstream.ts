import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A plain HTTP/1.1 server of a spec. */
export interface Upstream {
  readonly url: string;
  readonly port: number;
  /** Requests seen so far. */
  readonly requests: number;
  close(): Promise<void>;
}

/** Starts an upstream on port 0 of 127.0.0.1, or on the port given. */
export async function startUpstream(handler: RequestListener, port = 0): Promise<Upstream> {
  let requests = 0;
  const server = createServer((req, res) => {
    requests += 1;
    handler(req, res);
  });
  server.keepAliveTimeout = 30_000;
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    get requests() {
      return requests;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

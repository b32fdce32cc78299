import { isIP } from 'node:net';
import { z } from 'zod';

/** A host and a port to listen on. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Parses `127.0.0.1:8080`, `[::1]:8080`, `0.0.0.0:0`; undefined if it is not a literal address and a port. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)|(localhost)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const host = match[1] ?? match[2] ?? match[3] ?? '';
  const port = Number(match[4]);
  if (port > 65_535 || (host !== 'localhost' && isIP(host) === 0)) return undefined;
  return { host, port };
}

/** `host:port`, with brackets round IPv6. */
export function formatAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Schema of an address to listen on. */
export const listenAddress = () =>
  z.string('expected an address and a port such as 127.0.0.1:8080').transform((text, ctx) => {
    const address = parseListenAddress(text);
    if (address !== undefined) return address;
    ctx.addIssue({ code: 'custom', message: `expected an address and a port such as 127.0.0.1:8080, got "${text}"` });
    return z.NEVER;
  });

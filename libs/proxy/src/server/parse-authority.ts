import { isIPv6 } from 'node:net';

const nameShape = /^(?!\.)[a-z0-9._~-]+$/;
const parsed = new Map<string, string>();
const parsedMax = 1_000;

/**
 * A Host field or the authority of an absolute-form target (RFC 9110 section 7.2): lower case, without an empty port.
 * Undefined when it is empty, a list, bears user information or is otherwise no host and port (gateway/H1).
 */
export function parseAuthority(received: string): string | undefined {
  const found = parsed.get(received);
  if (found !== undefined) return found;
  const authority = parse(received.toLowerCase());
  // Few hosts are asked for again and again.
  if (authority !== undefined && parsed.size < parsedMax) parsed.set(received, authority);
  return authority;
}

function parse(text: string): string | undefined {
  if (text.length === 0 || text.length > 261) return undefined;
  const bracket = text.startsWith('[') ? text.indexOf(']') : -1;
  const colon = text.indexOf(':', Math.max(bracket, 0));
  const host = colon < 0 ? text : text.slice(0, colon);
  const port = colon < 0 ? '' : text.slice(colon + 1);
  if (!isHost(host, bracket) || !/^\d{0,5}$/.test(port) || Number(port) > 65_535) return undefined;
  return port === '' ? host : `${host}:${port}`;
}

function isHost(host: string, bracket: number): boolean {
  if (bracket < 0) return nameShape.test(host) && !host.includes('..');
  return host.length === bracket + 1 && !host.includes('%') && isIPv6(host.slice(1, bracket));
}

import { isIP } from 'node:net';

/** Who a proxy says it speaks for. */
export interface ProxiedPeer {
  readonly address: string;
  readonly port: number;
}

/** `length` bytes are the header; without `peer` the proxy speaks for itself (its health checks). */
export interface ProxyHeader {
  readonly length: number;
  readonly peer: ProxiedPeer | undefined;
}

const signature = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const textLengthMax = 107;
/** Far above any address block with its extensions. */
const binaryLengthMax = 4 * 1024;
const textShape = /^PROXY (?:UNKNOWN(?: .*)?|TCP([46]) (\S+) (\S+) (\d{1,5}) (\d{1,5}))\r\n/;

/**
 * The header of the PROXY protocol, version 1 (text) or 2 (binary), at the begin of a connection. `more`: it is not
 * complete yet; `invalid`: it is none, and never will be.
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | 'more' | 'invalid' {
  const known = bytes.subarray(0, signature.length);
  if (known.equals(signature.subarray(0, known.length))) return parseBinary(bytes);
  return parseText(bytes.toString('latin1', 0, textLengthMax));
}

function parseText(text: string): ProxyHeader | 'more' | 'invalid' {
  if (!text.startsWith('PROXY '.slice(0, text.length))) return 'invalid';
  if (!text.includes('\r\n')) return text.length < textLengthMax ? 'more' : 'invalid';
  const match = textShape.exec(text);
  if (match === null) return 'invalid';
  const [{ length }, family, address = '', destination = '', port] = match;
  if (family === undefined) return { length, peer: undefined };
  if (isIP(address) !== Number(family) || isIP(destination) !== Number(family) || Number(port) > 65_535) return 'invalid';
  return { length, peer: { address, port: Number(port) } };
}

function parseBinary(bytes: Buffer): ProxyHeader | 'more' | 'invalid' {
  if (bytes.length < 16) return 'more';
  const command = bytes[12] ?? 0;
  const length = 16 + bytes.readUInt16BE(14);
  if (command >> 4 !== 2 || (command & 0x0f) > 1 || length > binaryLengthMax) return 'invalid';
  if (bytes.length < length) return 'more';
  if ((command & 0x0f) === 0) return { length, peer: undefined };
  const family = (bytes[13] ?? 0) >> 4;
  if (family === 1 && length >= 28) return { length, peer: { address: [...bytes.subarray(16, 20)].join('.'), port: bytes.readUInt16BE(24) } };
  if (family === 2 && length >= 52) return { length, peer: { address: toIpv6(bytes.subarray(16, 32)), port: bytes.readUInt16BE(48) } };
  return family === 0 ? { length, peer: undefined } : 'invalid';
}

function toIpv6(bytes: Buffer): string {
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(bytes.readUInt16BE(i).toString(16));
  // In the usual short spelling, so that it compares with what other sources write.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

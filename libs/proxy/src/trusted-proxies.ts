import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

/** Says whether an address belongs to a proxy we trust. */
export type IsTrusted = (address: string) => boolean;

interface Cidr {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** Schema of one address or CIDR block, such as 10.0.0.0/8 or ::1. */
export const cidr = () =>
  z.string().refine((text) => parseCidr(text) !== undefined, 'expected an address or a CIDR block such as 10.0.0.0/8');

/**
 * Compiles CIDR blocks.
 * @throws TypeError for a text that is none
 */
export function compileTrustedProxies(blocks: readonly string[]): IsTrusted {
  if (blocks.length === 0) return () => false;
  const list = new BlockList();
  for (const block of blocks) {
    const parsed = parseCidr(block);
    if (parsed === undefined) throw new TypeError(`no CIDR block: ${block}`);
    list.addSubnet(parsed.address, parsed.prefix, parsed.family);
  }
  return (address) => {
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  };
}

/**
 * An address as the rest of the gateway writes it, lower case: IPv4 in IPv6 clothes undressed, however it is spelled
 * (`::ffff:192.0.2.1`, `::ffff:c000:201`), so that nobody has two addresses.
 */
export function plainAddress(address: string): string {
  const lower = address.toLowerCase();
  return lower.includes('ffff:') ? (mappedIPv4(lower) ?? lower) : lower;
}

/** How the URL parser writes every spelling of such an address. */
const mappedShape = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/;

/** The IPv4 address inside an IPv6 one; undefined when there is none. */
function mappedIPv4(address: string): string | undefined {
  const inner = address.startsWith('::ffff:') ? address.slice(7) : '';
  if (isIP(inner) === 4) return inner;
  const [, high, low] = mappedShape.exec(URL.parse(`http://[${address}]`)?.hostname ?? '') ?? [];
  if (high === undefined || low === undefined) return undefined;
  return [high, low].flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]).join('.');
}

function parseCidr(text: string): Cidr | undefined {
  const [address = '', prefixText, rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest !== undefined || address.includes('%')) return undefined;
  const widest = version === 4 ? 32 : 128;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (prefixText === undefined) return { address, prefix: widest, family };
  if (!/^\d{1,3}$/.test(prefixText) || Number(prefixText) > widest) return undefined;
  return { address, prefix: Number(prefixText), family };
}

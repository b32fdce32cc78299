import { isIP } from 'node:net';
import { fieldValues, withoutFields, type Fields } from '@tidegate/pipeline';
import { plainAddress, type IsTrusted } from './trusted-proxies.js';

/** The one place a listener takes the client's address from (gateway/H4). */
export type ClientAddressSource = 'peer' | 'x-forwarded-for' | 'forwarded' | 'proxy-protocol';

export interface ClientAddressQuery {
  /** Address at the other end of the socket, or the one a PROXY protocol header gave for it. */
  readonly peerAddress: string;
  readonly fields: readonly string[];
  readonly source: ClientAddressSource;
  readonly isTrusted: IsTrusted;
}

/** Whose request it is, or why that cannot be told. */
export type ClientAddress =
  /** `hops`: addresses between the client and us, as the next X-Forwarded-For would list them, client first. */
  | { readonly address: string; readonly hops: readonly string[] }
  | { readonly problem: string };

/**
 * The right-most address of the source that is no trusted proxy (gateway/H4). What stands left of it is hearsay and is
 * neither used nor passed on. A trusted proxy that names no usable address is a problem: whoever it speaks for would
 * else share the proxy's own limits.
 */
export function resolveClientAddress(query: ClientAddressQuery): ClientAddress {
  const { source, isTrusted } = query;
  const peer = plainAddress(query.peerAddress);
  if (source === 'peer' || source === 'proxy-protocol' || !isTrusted(peer)) return { address: peer, hops: [peer] };
  const named = source === 'forwarded' ? forwardedFor(query.fields) : listed(fieldValues(query.fields, 'x-forwarded-for'));
  const hops = [peer];
  for (let i = named.length - 1; i >= 0; i -= 1) {
    const address = parseNode(named[i] ?? '');
    if (address === undefined) return { problem: `The ${source} field names no address.` };
    hops.unshift(address);
    if (!isTrusted(address)) return { address, hops };
  }
  return { address: hops[0] ?? peer, hops };
}

const forwardedNames = new Set(['forwarded', 'x-real-ip']);

/** Fields by which a proxy speaks of the hop before it; only ingress writes them for the services. `name` in lower case. */
export const isForwardedField = (name: string): boolean => name.startsWith('x-forwarded-') || forwardedNames.has(name);

export interface ForwardedHop {
  readonly hops: readonly string[];
  readonly scheme: string;
  /** As the client named it; '' when it did not. */
  readonly authority: string;
}

/** Replaces all fields about earlier hops with what we know ourselves (gateway/H4). Returns new fields. */
export function writeForwardedFields(fields: readonly string[], { hops, scheme, authority }: ForwardedHop): Fields {
  const kept = withoutFields(fields, isForwardedField);
  kept.push('x-forwarded-for', hops.length === 1 ? (hops[0] ?? '') : hops.join(', '), 'x-forwarded-proto', scheme);
  if (authority !== '') kept.push('x-forwarded-host', authority);
  return kept;
}

function listed(values: readonly string[]): string[] {
  return values.flatMap((value) => value.split(',')).map((entry) => entry.trim());
}

/** The `for` parameters of all Forwarded elements, in order (RFC 7239); '' where an element has none. */
function forwardedFor(fields: readonly string[]): string[] {
  return listed(fieldValues(fields, 'forwarded')).map((element) => {
    for (const pair of element.split(';')) {
      const [name = '', value = ''] = pair.trim().split('=', 2);
      if (name.toLowerCase() === 'for') return value.replaceAll('"', '');
    }
    return '';
  });
}

/** An address with or without a port, IPv6 with or without brackets. */
function parseNode(text: string): string | undefined {
  const bracketed = /^\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?$/.exec(text);
  const withPort = /^([0-9.]+):\d{1,5}$/.exec(text);
  const address = bracketed?.[1] ?? withPort?.[1] ?? text;
  return isIP(address) === 0 || address.includes('%') ? undefined : plainAddress(address);
}

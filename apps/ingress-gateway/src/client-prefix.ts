/** Addresses here come from a socket or were checked: a colon tells the family. */
const isIPv6 = (address: string): boolean => address.includes(':');

/** The first `groups` groups of an IPv6 address in full, lower case, without leading zeros. */
function ipv6Groups(address: string, groups: number): string {
  const [head = '', tail = ''] = address.split('::', 2);
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::') ? Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0') : [];
  const all = [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16).toString(16));
  return all.slice(0, groups).join(':');
}

/** IPv4 /24 or IPv6 /48 of an address, for events: enough to see a network, too little to name a person. */
export function clientPrefix(address: string): string {
  if (isIPv6(address)) return `${ipv6Groups(address, 3)}::/48`;
  const end = address.lastIndexOf('.');
  return end < 0 ? address : `${address.slice(0, end)}.0/24`;
}

/**
 * The address as limits count it: an IPv4 address as it is, an IPv6 one by its /64, because whoever has one address of
 * a /64 has them all and could take a fresh bucket per request.
 */
export function limitedAddress(address: string): string {
  return isIPv6(address) ? `${ipv6Groups(address, 4)}::/64` : address;
}

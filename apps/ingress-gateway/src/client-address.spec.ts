import { describe, expect, it } from 'vitest';
import { clientPrefix, limitedAddress } from './client-prefix.js';
import { headerFingerprint } from './header-fingerprint.js';
import { findResourceIds } from './resource-ids.js';

describe('client addresses', () => {
  it.each([
    ['192.0.2.77', '192.0.2.0/24', '192.0.2.77'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48', '2001:db8:1:2::/64'],
    ['2001:DB8::1', '2001:db8:0::/48', '2001:db8:0:0::/64'],
    ['::1', '0:0:0::/48', '0:0:0:0::/64'],
  ])('%s has prefix %s and is limited as %s', (address, prefix, limited) => {
    expect(clientPrefix(address)).toBe(prefix);
    expect(limitedAddress(address)).toBe(limited);
  });

  it('two addresses of one IPv6 /64 share a limit', () => {
    expect(limitedAddress('2001:db8:1:2::1')).toBe(limitedAddress('2001:db8:1:2:ffff::9'));
  });
});

describe('headerFingerprint', () => {
  const fields = ['host', 'a', 'user-agent', 'x/1', 'accept', '*/*'];
  it('is the same for one client whatever it asks, and differs by names, order and User-Agent', () => {
    expect(headerFingerprint([...fields, 'cookie', 'a=1'])).toBe(headerFingerprint(fields));
    expect(headerFingerprint(['host', 'b', 'user-agent', 'x/1', 'accept', 'text/html'])).toBe(headerFingerprint(fields));
    const others = [['host', 'a', 'accept', '*/*', 'user-agent', 'x/1'], ['host', 'a', 'user-agent', 'x/2', 'accept', '*/*'], ['host', 'a']];
    for (const other of others) expect(headerFingerprint(other)).not.toBe(headerFingerprint(fields));
  });
});

describe('findResourceIds', () => {
  it('takes numbers, UUIDs and long hex, not words', () => {
    expect(findResourceIds('/api/orders/42/items/8c1f7c3e-9a59-4d0a-8f53-0d6f7e3f2b11/v1/deadbeefdeadbeef')).toEqual(['42', '8c1f7c3e-9a59-4d0a-8f53-0d6f7e3f2b11', 'deadbeefdeadbeef']);
    expect(findResourceIds('/')).toEqual([]);
  });
});

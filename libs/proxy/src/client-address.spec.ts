import { describe, expect, it } from 'vitest';
import { resolveClientAddress, writeForwardedFields, type ClientAddressSource } from './client-address.js';
import { compileTrustedProxies } from './trusted-proxies.js';

const isTrusted = compileTrustedProxies(['10.0.0.0/8', '2001:db8::/32', '192.0.2.7']);
const resolve = (source: ClientAddressSource, peerAddress: string, fields: string[]) => resolveClientAddress({ source, peerAddress, fields, isTrusted });
const xff = (...values: string[]) => values.flatMap((value) => ['x-forwarded-for', value]);
const forwarded = (value: string) => ['forwarded', value];

describe('gateway/H4: who the client is', () => {
  it.each([
    ['the peer, whatever it says', 'peer', '10.0.0.1', xff('203.0.113.9'), '203.0.113.9', '10.0.0.1'],
    ['an untrusted peer, whatever it says', 'x-forwarded-for', '198.51.100.1', xff('203.0.113.9'), '', '198.51.100.1'],
    ['the peer in plain IPv4', 'peer', '::ffff:198.51.100.1', [], '', '198.51.100.1'],
    ['the peer in plain IPv4, spelled in hex', 'peer', '0:0::FFFF:c633:6401', [], '', '198.51.100.1'],
    ['an IPv6 peer that only looks like it', 'peer', '2001:db8:ffff::1', [], '', '2001:db8:ffff::1'],
    ['a trusted peer that speaks for nobody', 'x-forwarded-for', '10.0.0.1', [], '', '10.0.0.1'],
    ['the right-most address that is not trusted', 'x-forwarded-for', '10.0.0.1', xff('1.1.1.1, 203.0.113.9, 10.2.2.2'), '', '203.0.113.9'],
    ['over several fields', 'x-forwarded-for', '10.0.0.1', xff('1.1.1.1', '203.0.113.9', '10.2.2.2'), '', '203.0.113.9'],
    ['with a port', 'x-forwarded-for', '10.0.0.1', xff('203.0.113.9:5000'), '', '203.0.113.9'],
    ['IPv6 with brackets and port', 'x-forwarded-for', '10.0.0.1', xff('[2001:DB9::1]:80'), '', '2001:db9::1'],
    ['the left-most when all are trusted', 'x-forwarded-for', '10.0.0.1', xff('10.9.9.9, 10.2.2.2'), '', '10.9.9.9'],
    ['Forwarded, not X-Forwarded-For beside it', 'forwarded', '10.0.0.1', [...xff('1.1.1.1'), ...forwarded('for=203.0.113.9;proto=https')], '', '203.0.113.9'],
    ['Forwarded with quoted IPv6', 'forwarded', '2001:db8::1', forwarded('for=1.1.1.1, For="[2001:db9::5]:47011"'), '', '2001:db9::5'],
  ] as const)('%s', (_name, source, peer, fields, _hint, address) => {
    expect(resolve(source, peer, [...fields])).toMatchObject({ address });
  });

  it.each([
    ['unknown'], ['_hidden'], ['203.0.113.9, garbage'], [''], ['203.0.113'], ['fe80::1%eth0'],
  ])('a trusted proxy that names "%s" names no client', (value) => {
    expect(resolve('x-forwarded-for', '10.0.0.1', xff(value))).toHaveProperty('problem');
  });

  it('hearsay left of the client is not passed on, and others cannot speak in these fields', () => {
    const fields = ['accept', '*/*', ...xff('6.6.6.6, 203.0.113.9, 10.2.2.2'), 'x-real-ip', '6.6.6.6', 'forwarded', 'for=6.6.6.6', 'x-forwarded-port', '1'];
    const client = resolve('x-forwarded-for', '10.0.0.1', fields);
    expect(writeForwardedFields(fields, { hops: 'hops' in client ? client.hops : [], scheme: 'http', authority: 'shop' })).toEqual([
      'accept', '*/*', 'x-forwarded-for', '203.0.113.9, 10.2.2.2, 10.0.0.1', 'x-forwarded-proto', 'http', 'x-forwarded-host', 'shop',
    ]);
  });

  it.each(['10.0.0.0/33', 'x', '10.0.0/8', '::/129', '10.0.0.0/8/8', ''])('"%s" is no CIDR block', (block) => {
    expect(() => compileTrustedProxies([block])).toThrow('CIDR');
  });
});

import { describe, expect, it } from 'vitest';
import { drainSchema, listenersSchema } from './listeners-schema.js';

describe('listeners', () => {
  it('nothing configured: the public listener for all, everything else on loopback, no replay', () => {
    const listeners = listenersSchema.parse(undefined);
    expect(listeners.public).toEqual({
      address: { host: '0.0.0.0', port: 8080 },
      clientAddressFrom: 'peer',
      trustedProxies: [],
      allowUnderscoreFields: false,
      encodedSlash: 'refuse',
      mergeSlashes: false,
    });
    expect(listeners.replay).toBeUndefined();
    const loopback = [listeners.egress, listeners.limiter, listeners.analytics, listeners.ops].map(({ address }) => address);
    expect(loopback).toEqual([8090, 50_051, 8085, 9100].map((port) => ({ host: '127.0.0.1', port })));
    expect(drainSchema.parse(undefined)).toEqual({ delayMs: 5_000, timeoutMs: 30_000 });
  });
  it.each([
    [{ public: { adress: '127.0.0.1:1' } }, 'adress'],
    [{ public: { address: 'example.com:80' } }, 'address'],
    [{ replay: { trustedProxies: ['10.0.0.0/40'] } }, 'CIDR'],
    [{ public: { clientAddressFrom: 'x-real-ip' } }, 'clientAddressFrom'],
  ])('refuses %j', (input, text) => {
    expect(JSON.stringify(listenersSchema.safeParse(input).error?.issues)).toContain(text);
  });
});

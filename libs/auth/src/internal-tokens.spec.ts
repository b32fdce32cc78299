import { fakeClock } from '@tidegate/testkit';
import { describe, expect, it } from 'vitest';
import { createInternalTokens } from './index.js';

const key = Buffer.alloc(32, 7);
const make = (part: object = {}) => {
  const clock = fakeClock();
  return { clock, tokens: createInternalTokens({ key, kid: 'k1', instance: 'ingress-1', clock, ...part }) };
};

describe('gateway/H5 x-tidegate-token', () => {
  it('gateway/H5: what one tier makes, another with the key accepts, until it expires', () => {
    const { clock, tokens } = make();
    const other = createInternalTokens({ key, kid: 'k1', instance: 'egress-1', clock });
    const token = tokens.current();
    expect(token).toMatch(/^v1\.k1\.ingress-1\.\d+\.[A-Za-z0-9_-]{43}$/);
    expect([other.verify(token), other.verify(token)]).toEqual([true, true]);
    clock.advance(61_000);
    expect(other.verify(token)).toBe(false);
  });

  it('gateway/H5: it is renewed every 10 s', () => {
    const { clock, tokens } = make();
    const token = tokens.current();
    clock.advance(9_999);
    expect(tokens.current()).toBe(token);
    clock.advance(1);
    expect(tokens.current()).not.toBe(token);
    expect(tokens.verify(token)).toBe(true);
  });

  it('gateway/H5: nothing but the exact text of a signed token is accepted', () => {
    const { tokens } = make();
    const token = tokens.current();
    for (let at = 0; at < token.length; at += 1) {
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
      expect(tokens.verify(changed)).toBe(false);
    }
    for (const changed of [
      '',
      `${token} `,
      token.slice(0, -1),
      `${token}A`,
      token.replace('v1', 'v2'),
      token.replace('.k1.', '.k2.'),
    ])
      expect(tokens.verify(changed)).toBe(false);
    expect(tokens.verify(make({ key: Buffer.alloc(32, 8) }).tokens.current())).toBe(false);
  });

  it('gateway/H5: an expired token is refused at first sight too', () => {
    const { clock, tokens } = make();
    const token = tokens.current();
    clock.advance(60_001);
    expect(make().tokens.verify(token)).toBe(true);
    expect(createInternalTokens({ key, kid: 'k1', instance: 'x', clock }).verify(token)).toBe(false);
  });

  it('gateway/H5: names of instances with dots make one token of five parts', () => {
    expect(make({ instance: 'pod-1.ns.svc' }).tokens.current().split('.')).toHaveLength(5);
  });

  it('refuses a short key', () => {
    expect(() => make({ key: Buffer.alloc(31) })).toThrow(TypeError);
  });
});

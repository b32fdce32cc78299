import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromUlid, toUlid, writeTraceId, writeUlid } from './ids.js';

const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ulids = fc
  .tuple(fc.nat(7), fc.array(fc.nat(31), { minLength: 25, maxLength: 25 }))
  .map(([first, rest]) => first + rest.map((digit) => digits[digit]).join(''));

describe('ids as 128 bits', () => {
  it('gives back every ULID', () => {
    fc.assert(
      fc.property(ulids, (ulid) => {
        expect(toUlid(fromUlid(ulid) ?? '')).toBe(ulid);
      }),
    );
  });

  it('keeps their order', () => {
    fc.assert(
      fc.property(ulids, ulids, (a, b) => {
        expect((fromUlid(a) ?? '') < (fromUlid(b) ?? '')).toBe(a < b);
      }),
    );
  });

  it.each(['', 'E1', '8ZZZZZZZZZZZZZZZZZZZZZZZZZ', '01ARZ3NDEKTSV4RRFFQ69G5FAU', '01ARZ3NDEKTSV4RRFFQ69G5FA\u0101', 'replay-1-1'])('takes %j for no ULID', (text) => {
    const words = new Uint32Array(4);
    expect(writeUlid(words, 0, text)).toBe(false);
    expect([...words]).toEqual([0, 0, 0, 0]);
  });

  it.each(['', 'zz', '4bf92f3577b34da6a3ce929d0e0e473', '4bf92f3577b34da6a3ce929d0e0e473g'])('takes %j for no trace id', (text) => {
    expect(writeTraceId(new Uint32Array(4), 0, text)).toBe(false);
  });
});

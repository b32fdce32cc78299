import { BinaryReader as BaseReader, BinaryWriter as BaseWriter } from '@bufbuild/protobuf/wire';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decision } from './index.js';
import { BinaryReader, BinaryWriter } from './wire.js';

const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 40 }), fc.constantFrom('client', 'clienu', 'cliens', '\u{FFFD}', 'é', 'a\u0000b'));
const uint64 = fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constantFrom(0, 127, 128, 2 ** 28, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 52, Number.MAX_SAFE_INTEGER));
const uint32 = fc.oneof(fc.nat(300), fc.nat(2 ** 32 - 1), fc.constantFrom(0, 127, 128, 2 ** 32 - 1));

describe('wire format', () => {
  it('what is written is byte for byte what the base writer writes', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(text, uint64, uint32), { maxLength: 30 }), (values) => {
        const write = (writer: BaseWriter): Uint8Array => {
          for (const value of values) {
            if (typeof value === 'string') writer.string(value);
            else if (value < 2 ** 32) writer.uint32(value).fork().uint64(value).join();
            else writer.uint64(value);
          }
          return writer.finish();
        };
        expect(write(new BinaryWriter())).toEqual(write(new BaseWriter()));
      }),
    );
  });

  it('what is read is what was written, also when strings come again and in one spelling length', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, uint64), { maxLength: 30 }), (pairs) => {
        const writer = new BaseWriter();
        for (const [name, value] of pairs) writer.string(name).uint64(value);
        const bytes = writer.finish();
        const base = new BaseReader(bytes);
        const reader = new BinaryReader(bytes);
        for (const [, value] of pairs) {
          expect(reader.string()).toBe(base.string());
          expect(reader.uint64() as unknown).toBe(value);
          base.uint64();
        }
        expect(reader.pos).toBe(bytes.length);
      }),
    );
  });

  it('bytes that are no UTF-8 read the same, and a string cut off is refused', () => {
    for (const bytes of [[1, 0xff], [2, 0xc3, 0x28], [3, 0xef, 0xbf, 0xbd], [1, 0xff]]) {
      expect(new BinaryReader(Uint8Array.from(bytes)).string()).toBe(new BaseReader(Uint8Array.from(bytes)).string());
    }
    expect(() => new BinaryReader(Uint8Array.from([3, 97])).string()).toThrowError(RangeError);
  });

  it('a 64-bit integer above 2^53 is refused, not rounded', () => {
    const bytes = new BaseWriter().uint32(40).uint64('9007199254740993').finish();
    expect(() => Decision.decode(bytes)).toThrowError('MAX_SAFE_INTEGER');
    expect(Decision.decode(new BaseWriter().uint32(40).uint64(Number.MAX_SAFE_INTEGER).finish()).remaining).toBe(Number.MAX_SAFE_INTEGER);
  });
});

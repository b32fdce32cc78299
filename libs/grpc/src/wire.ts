import { BinaryReader as BaseReader, BinaryWriter as BaseWriter } from '@bufbuild/protobuf/wire';

// The generated code uses these two in place of their bases (generate.mjs): 64-bit integers go without BigInt, and short strings
// that come again and again, such as names of policies and attributes, are not built anew. The wire format is the same.

/** What the bases keep private and the fast paths need; a change of their layout fails wire.spec.ts. */
interface ReaderParts {
  readonly buf: Uint8Array;
  varint64(): void;
  readonly varint64Lo: number;
  readonly varint64Hi: number;
}

interface WriterParts {
  readonly buffer: Uint8Array;
  pos: number;
  writeVarint64(lo: number, hi: number): void;
}

const twoTo32 = 2 ** 32;

/** Longest string that is looked up, and how many are remembered. */
const knownLengthMax = 32;
const knownSlots = 1_024;
const known: string[] = Array.from({ length: knownSlots }, () => '');

/** Reads the protobuf wire format. */
export class BinaryReader extends BaseReader {
  /** Nesting of the message being decoded, kept by the generated code. */
  __tsProtoDecodeDepth = 0;

  /** A number in place of a bigint; one above 2^53 is refused by the generated code. */
  override uint64(): string {
    const parts = this as unknown as ReaderParts;
    parts.varint64();
    return ((parts.varint64Hi >>> 0) * twoTo32 + (parts.varint64Lo >>> 0)) as unknown as string;
  }

  override string(strict?: boolean): string {
    const { buf } = this as unknown as ReaderParts;
    const start = this.pos;
    const length = buf[start] ?? 0;
    const end = start + 1 + length;
    if (length > knownLengthMax || end > this.len) return super.string(strict);
    if (length === 0) {
      this.pos = end;
      return '';
    }
    const slot = slotOf(buf, start + 1, length);
    const candidate = known[slot] as string;
    if (candidate.length === length && isSame(buf, start + 1, candidate)) {
      this.pos = end;
      return candidate;
    }
    const text = super.string(strict);
    if (text.length === length) known[slot] = text;
    return text;
  }
}

/** Writes the protobuf wire format. */
export class BinaryWriter extends BaseWriter {
  /** One byte where it fits: most tags, lengths, flags and counts. */
  override uint32(value: number): this {
    const parts = this as unknown as WriterParts;
    if ((value & 0x7f) !== value || parts.pos >= parts.buffer.length) return super.uint32(value);
    parts.buffer[parts.pos] = value;
    parts.pos += 1;
    return this;
  }

  override uint64(value: string | number | bigint): this {
    if (typeof value !== 'number' || value < 0) return super.uint64(value);
    if (value < twoTo32) return this.uint32(value);
    if (!Number.isSafeInteger(value)) return super.uint64(value);
    (this as unknown as WriterParts).writeVarint64(value % twoTo32 | 0, Math.floor(value / twoTo32));
    return this;
  }
}

function slotOf(buf: Uint8Array, start: number, length: number): number {
  const first = buf[start] ?? 0;
  const middle = buf[start + (length >> 1)] ?? 0;
  const last = buf[start + length - 1] ?? 0;
  return (length * 31 + first * 7 + middle * 131 + last * 521) % knownSlots;
}

/** Whether the bytes are this text; never so for bytes above 127, which no candidate of the same length is spelled with. */
function isSame(buf: Uint8Array, start: number, text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (buf[start + index] !== text.charCodeAt(index)) return false;
  return true;
}

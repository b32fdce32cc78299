const internedMax = 4096;
const internedLengthMax = 48;
const interned: string[] = Array.from({ length: internedMax }, () => '');

/** Reads protobuf's wire format. Everything throws RangeError where the bytes end too early or are no protobuf. */
export class WireReader {
  readonly #bytes: Buffer;
  at = 0;
  end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = bytes.byteLength;
  }

  /** An unsigned integer; one above 2^53 - 1 is none of ours. */
  uint(): number {
    const bytes = this.#bytes;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count += 1) {
      if (this.at >= this.end) throw new RangeError('the bytes end inside a number');
      const byte = bytes[this.at] ?? 0;
      this.at += 1;
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 128;
    }
    throw new RangeError('a number is too large');
  }

  bool(): boolean {
    return this.uint() !== 0;
  }

  /** Where a length-delimited field ends; `at` is its start. */
  delimited(): number {
    const end = this.uint() + this.at;
    if (end > this.end) throw new RangeError('the bytes end inside a field');
    return end;
  }

  /** The bytes of a length-delimited field. */
  bytes(): Uint8Array {
    const end = this.delimited();
    const bytes = this.#bytes.subarray(this.at, end);
    this.at = end;
    return bytes;
  }

  /** A string of which few are alike. */
  string(): string {
    const end = this.delimited();
    const value = this.#bytes.toString(this.#isAscii(end) ? 'latin1' : 'utf8', this.at, end);
    this.at = end;
    return value;
  }

  /** A string that comes again and again: the same value is the same string in memory. */
  word(): string {
    const end = this.delimited();
    const start = this.at;
    const bytes = this.#bytes;
    if (end - start > internedLengthMax) return this.#slice(start, end);
    let hash = end - start;
    for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
    const place = (hash ^ (hash >>> 15)) & (internedMax - 1);
    const known = interned[place] ?? '';
    if (known.length === end - start && this.#isAt(known, start)) {
      this.at = end;
      return known;
    }
    const value = this.#slice(start, end);
    interned[place] = value;
    return value;
  }

  /** Passes over a field that nobody knows. */
  skip(tag: number): void {
    const wireType = tag & 7;
    if (wireType === 0) this.#skipVarint();
    else if (wireType === 1) this.at += 8;
    else if (wireType === 2) this.at = this.delimited();
    else if (wireType === 5) this.at += 4;
    else throw new RangeError(`wire type ${wireType} is none of protobuf's`);
    if (this.at > this.end) throw new RangeError('the bytes end inside a field');
  }

  #skipVarint(): void {
    for (let count = 0; count < 10; count += 1) {
      this.at += 1;
      if ((this.#bytes[this.at - 1] ?? 0) < 128) return;
    }
    throw new RangeError('a number is too long');
  }

  #slice(start: number, end: number): string {
    this.at = end;
    return this.#bytes.toString('utf8', start, end);
  }

  #isAt(known: string, start: number): boolean {
    const bytes = this.#bytes;
    for (let at = 0; at < known.length; at += 1) if (known.charCodeAt(at) !== bytes[start + at]) return false;
    return true;
  }

  #isAscii(end: number): boolean {
    const bytes = this.#bytes;
    for (let at = this.at; at < end; at += 1) if ((bytes[at] ?? 0) > 127) return false;
    return true;
  }
}

const firstBytes = 64 * 1024;

/**
 * Writes protobuf's wire format into one buffer that is used again and again. Fields with their default value are left
 * out. A tag is `field << 3 | wire type`, below 2^14.
 */
export class WireWriter {
  #bytes = Buffer.allocUnsafeSlow(firstBytes);
  /** Where the next byte goes; set it back to take away what was written after. */
  at = 0;

  /** A copy of what was written. */
  toBytes(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.at));
  }

  /** Throws TypeError for what is no string. */
  string(tag: number, value: string): void {
    if (typeof value !== 'string') throw new TypeError(`field ${tag >> 3} is no string`);
    if (value !== '') this.item(tag, value);
  }

  /** An item of a repeated field: written also when it is ''. */
  item(tag: number, value: string): void {
    const { length } = value;
    this.#reserve(length * 3 + 8);
    this.#tag(tag);
    const bytes = this.#bytes;
    const start = this.at + 1;
    if (length < 128) {
      let at = 0;
      for (; at < length; at += 1) {
        const code = value.charCodeAt(at);
        if (code > 127) break;
        bytes[start + at] = code;
      }
      if (at === length) {
        bytes[this.at] = length;
        this.at = start + length;
        return;
      }
    }
    this.#varint(Buffer.byteLength(value));
    this.at += bytes.write(value, this.at);
  }

  /** An unsigned integer up to 2^53. Of a fraction the whole part; what is negative or no number counts as 0. */
  uint(tag: number, value: number): void {
    if (!(value >= 1)) return;
    this.#reserve(12);
    this.#tag(tag);
    this.#varint(value);
  }

  bool(tag: number, value: boolean): void {
    if (value) this.uint(tag, 1);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Starts a nested message and leaves two bytes for its length. Returns where it starts, for `end`. */
  begin(tag: number): number {
    this.#reserve(8);
    this.#tag(tag);
    this.at += 2;
    return this.at;
  }

  /** Ends a nested message: its length takes as many bytes as it needs. */
  end(start: number): void {
    const length = this.at - start;
    const lengthBytes = length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : 4;
    if (lengthBytes !== 2) {
      this.#reserve(2);
      this.#bytes.copyWithin(start - 2 + lengthBytes, start, this.at);
    }
    this.at = start - 2;
    this.#varint(length);
    this.at += length;
  }

  #tag(tag: number): void {
    if (tag > 127) {
      this.#bytes[this.at] = (tag & 127) | 128;
      this.#bytes[this.at + 1] = tag >> 7;
      this.at += 2;
    } else {
      this.#bytes[this.at] = tag;
      this.at += 1;
    }
  }

  #varint(value: number): void {
    const bytes = this.#bytes;
    let { at } = this;
    let rest = value;
    for (; rest >= 0x8000_0000; rest /= 128) {
      bytes[at] = (rest % 128) | 128;
      at += 1;
    }
    let low = rest | 0;
    for (; low > 127; low >>>= 7) {
      bytes[at] = (low & 127) | 128;
      at += 1;
    }
    bytes[at] = low;
    this.at = at + 1;
  }

  #reserve(count: number): void {
    const needed = this.at + count;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(needed)));
    grown.set(this.#bytes.subarray(0, this.at));
    this.#bytes = grown;
  }
}

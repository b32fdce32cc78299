import duckdb from '@duckdb/node-bindings';
import { BIGINT, INTEGER, UINTEGER, USMALLINT, UUID, VARCHAR, type DuckDBType } from '@duckdb/node-api';

/** Rows of one data chunk: DuckDB's vector size. */
export const rowsPerChunk = 2_048;

/**
 * One column of a chunk, filled here and copied into DuckDB's memory in one call: setting values one by one through the client
 * costs several times as much.
 */
export interface ColumnBuffer {
  readonly type: DuckDBType;
  /** Copies the first `count` values. */
  copyTo(vector: duckdb.Vector, count: number): void;
}

/** Whole numbers of up to 32 bits; out of range is cut off at the bounds. */
export class NumberBuffer implements ColumnBuffer {
  readonly type: DuckDBType;
  readonly #items: Uint32Array | Uint16Array | Int32Array;
  readonly #max: number;

  constructor(kind: 'uint16' | 'uint32' | 'int32') {
    this.type = { uint16: USMALLINT, uint32: UINTEGER, int32: INTEGER }[kind];
    this.#items = kind === 'uint16' ? new Uint16Array(rowsPerChunk) : kind === 'uint32' ? new Uint32Array(rowsPerChunk) : new Int32Array(rowsPerChunk);
    this.#max = { uint16: 2 ** 16 - 1, uint32: 2 ** 32 - 1, int32: 2 ** 31 - 1 }[kind];
  }

  set(row: number, value: number): void {
    this.#items[row] = value > this.#max ? this.#max : value;
  }

  copyTo(vector: duckdb.Vector, count: number): void {
    copy(vector, this.#items, count * this.#items.BYTES_PER_ELEMENT);
  }
}

/** Whole numbers from 0 to 2^53, kept in 64 bits without a BigInt each. */
export class WideNumberBuffer implements ColumnBuffer {
  readonly type: DuckDBType = BIGINT;
  readonly #words = new Uint32Array(rowsPerChunk * 2);

  set(row: number, value: number): void {
    const whole = value > 0 ? Math.min(Number.MAX_SAFE_INTEGER, Math.trunc(value)) : 0;
    this.#words[row * 2] = whole % 2 ** 32;
    this.#words[row * 2 + 1] = Math.floor(whole / 2 ** 32);
  }

  copyTo(vector: duckdb.Vector, count: number): void {
    copy(vector, this.#words, count * 8);
  }
}

/** Which rows are not NULL. */
class ValidityMask {
  readonly #bits = new Uint8Array(rowsPerChunk / 8);

  set(row: number, isValid: boolean): void {
    const at = row >> 3;
    const bit = 1 << (row & 7);
    this.#bits[at] = isValid ? (this.#bits[at] as number) | bit : (this.#bits[at] as number) & ~bit;
  }

  has(row: number): boolean {
    return ((this.#bits[row >> 3] as number) & (1 << (row & 7))) !== 0;
  }

  copyTo(vector: duckdb.Vector): void {
    duckdb.vector_ensure_validity_writable(vector);
    duckdb.copy_data_to_vector_validity(vector, 0, this.#bits.buffer, 0, this.#bits.byteLength);
  }
}

/** 128-bit ids, written by a function that says whether the text was one; NULL where not. */
export class IdBuffer implements ColumnBuffer {
  readonly type: DuckDBType = UUID;
  readonly #words = new Uint32Array(rowsPerChunk * 4);
  readonly #validity = new ValidityMask();
  readonly #write: (words: Uint32Array, at: number, text: string) => boolean;

  constructor(write: (words: Uint32Array, at: number, text: string) => boolean) {
    this.#write = write;
  }

  /** Returns whether the text was an id. */
  set(row: number, text: string): boolean {
    const isId = this.#write(this.#words, row * 4, text);
    this.#validity.set(row, isId);
    return isId;
  }

  copyTo(vector: duckdb.Vector, count: number): void {
    copy(vector, this.#words, count * 16);
    this.#validity.copyTo(vector);
  }
}

/** Texts; the empty text is NULL, which costs nothing to append and to keep. */
export class TextBuffer implements ColumnBuffer {
  readonly type: DuckDBType = VARCHAR;
  readonly #texts: string[] = Array.from({ length: rowsPerChunk }, () => '');
  readonly #validity = new ValidityMask();
  readonly #lengthMax: number;

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  set(row: number, text: string): void {
    this.#texts[row] = text.length > this.#lengthMax ? text.slice(0, this.#lengthMax) : text;
    this.#validity.set(row, text !== '');
  }

  copyTo(vector: duckdb.Vector, count: number): void {
    for (let row = 0; row < count; row += 1) {
      if (this.#validity.has(row)) duckdb.vector_assign_string_element(vector, row, this.#texts[row] as string);
    }
    this.#validity.copyTo(vector);
  }
}

function copy(vector: duckdb.Vector, items: Uint32Array | Uint16Array | Int32Array, bytes: number): void {
  duckdb.copy_data_to_vector(vector, 0, items.buffer as ArrayBuffer, 0, bytes);
}

import { crc32 } from 'node:zlib';

/**
 * A segment is a run of records, nothing before the first and nothing after the last. One record:
 *
 *   offset  0  u32le  magic
 *   offset  4  u32le  CRC-32 of everything from offset 8 to the end of the payload
 *   offset  8  u32le  bytes of the payload
 *   offset 12  u32le  partition
 *   offset 16  u32le  events in the payload
 *   offset 20  ...    payload: an encoded EventBatch, with its producer and sequence inside
 */
export const recordHeaderBytes = 20;
const magic = 0x31_52_47_54;
const payloadBytesMax = 16 * 1024 ** 2;

/** One record's place in its segment. */
export interface RecordPlace {
  readonly partition: number;
  /** Events in it. */
  readonly count: number;
  /** Where the payload starts, and its length, in bytes. */
  readonly offset: number;
  readonly length: number;
}

/** What a segment's bytes hold. */
export interface SegmentScan {
  /** The records of the good prefix, in order. */
  readonly records: readonly RecordPlace[];
  /** Length of the good prefix. */
  readonly goodBytes: number;
  /** What follows it: nothing, the beginning of a record whose writing was cut, or something broken. */
  readonly rest: 'none' | 'torn' | 'corrupt';
}

/** The header that goes before a payload. */
export function toRecordHeader(payload: Uint8Array, partition: number, count: number): Buffer {
  const header = Buffer.allocUnsafe(recordHeaderBytes);
  header.writeUInt32LE(magic, 0);
  header.writeUInt32LE(payload.length, 8);
  header.writeUInt32LE(partition, 12);
  header.writeUInt32LE(count, 16);
  header.writeUInt32LE(crc32(payload, crc32(header.subarray(8))), 4);
  return header;
}

/** Reads records from the start for as long as they are whole. Never throws. */
export function scanSegment(bytes: Buffer): SegmentScan {
  const records: RecordPlace[] = [];
  let at = 0;
  for (let record = recordAt(bytes, at); record !== undefined; record = recordAt(bytes, at)) {
    records.push(record);
    at = record.offset + record.length;
  }
  return { records, goodBytes: at, rest: restFrom(bytes, at) };
}

function recordAt(bytes: Buffer, at: number): RecordPlace | undefined {
  if (at + recordHeaderBytes > bytes.length || bytes.readUInt32LE(at) !== magic) return undefined;
  const length = bytes.readUInt32LE(at + 8);
  const offset = at + recordHeaderBytes;
  if (length > payloadBytesMax || offset + length > bytes.length) return undefined;
  if (crc32(bytes.subarray(at + 8, offset + length)) !== bytes.readUInt32LE(at + 4)) return undefined;
  return { partition: bytes.readUInt32LE(at + 12), count: bytes.readUInt32LE(at + 16), offset, length };
}

/**
 * Cut writing leaves one incomplete record, or zeros where the file grew and the bytes never came. Anything else, and
 * anything with a whole record behind it, is damage that a person may want to look at.
 */
function restFrom(bytes: Buffer, at: number): SegmentScan['rest'] {
  if (at === bytes.length) return 'none';
  const rest = bytes.subarray(at);
  if (rest.every((byte) => byte === 0)) return 'torn';
  const isBegun = rest.length < 4 ? magicBytes.subarray(0, rest.length).equals(rest) : rest.readUInt32LE(0) === magic;
  const isIncomplete = rest.length < recordHeaderBytes || recordHeaderBytes + rest.readUInt32LE(8) > rest.length;
  return isBegun && isIncomplete && !hasRecord(bytes, at + 1) ? 'torn' : 'corrupt';
}

const magicBytes = Buffer.from(Uint32Array.of(magic).buffer);

function hasRecord(bytes: Buffer, from: number): boolean {
  for (let at = bytes.indexOf(magicBytes, from); at >= 0; at = bytes.indexOf(magicBytes, at + 1)) {
    if (recordAt(bytes, at) !== undefined) return true;
  }
  return false;
}

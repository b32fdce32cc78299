import { crc32c } from './crc32c.js';

/** Values for one partition of a produce request. */
export interface PartitionValues {
  readonly partition: number;
  readonly values: readonly Uint8Array[];
}

export interface TopicValues {
  readonly topic: string;
  readonly partitions: readonly PartitionValues[];
}

export interface ProduceBody {
  readonly acks: number;
  readonly timeoutMs: number;
  readonly topics: readonly TopicValues[];
  /** Time stamp of all records, ms since the epoch. */
  readonly nowMs: number;
}

/** Bytes of a record batch up to its records (magic 2): base offset to record count. */
const batchHeaderBytes = 61;
/** Where the batch's length and checksum start to count. */
const lengthFrom = 12;
const checksumFrom = 21;

/**
 * The body of a Kafka produce request, versions 3 to 7, without transaction, producer id, keys or headers: one record
 * batch (magic 2) for each partition. One buffer of the right size, every value copied once.
 */
export function encodeProduceBody({ acks, timeoutMs, topics, nowMs }: ProduceBody): Buffer {
  const body = Buffer.allocUnsafeSlow(bodyBytes(topics));
  let at = body.writeInt16BE(-1, 0);
  at = body.writeInt16BE(acks, at);
  at = body.writeInt32BE(timeoutMs, at);
  at = body.writeInt32BE(topics.length, at);
  for (const { topic, partitions } of topics) {
    at = body.writeInt16BE(Buffer.byteLength(topic), at);
    at += body.write(topic, at);
    at = body.writeInt32BE(partitions.length, at);
    for (const { partition, values } of partitions) {
      at = body.writeInt32BE(partition, at);
      at = body.writeInt32BE(batchBytes(values), at);
      at = writeBatch(body, { at, values, nowMs });
    }
  }
  return body;
}

function writeBatch(body: Buffer, { at: start, values, nowMs }: { at: number; values: readonly Uint8Array[]; nowMs: number }): number {
  body.fill(0, start, start + batchHeaderBytes);
  body[start + 16] = 2;
  body.writeInt32BE(values.length - 1, start + 23);
  body.writeBigInt64BE(BigInt(nowMs), start + 27);
  body.writeBigInt64BE(BigInt(nowMs), start + 35);
  body.writeBigInt64BE(-1n, start + 43);
  body.writeInt32BE(values.length, start + 57);
  let at = start + batchHeaderBytes;
  for (const [offset, value] of values.entries()) at = writeRecord(body, { at, offset, value });
  body.writeInt32BE(at - start - lengthFrom, start + 8);
  body.writeUInt32BE(crc32c(body, start + checksumFrom, at), start + checksumFrom - 4);
  return at;
}

function writeRecord(body: Buffer, { at: start, offset, value }: { at: number; offset: number; value: Uint8Array }): number {
  let at = writeVarint(body, start, recordBytes(offset, value));
  // Attributes and the distance to the first time stamp.
  body[at] = 0;
  body[at + 1] = 0;
  at = writeVarint(body, at + 2, offset);
  // A key of length -1: none.
  body[at] = 1;
  at = writeVarint(body, at + 1, value.length);
  body.set(value, at);
  at += value.length;
  // No headers.
  body[at] = 0;
  return at + 1;
}

function bodyBytes(topics: readonly TopicValues[]): number {
  let bytes = 12;
  for (const { topic, partitions } of topics) {
    bytes += 6 + Buffer.byteLength(topic);
    for (const { values } of partitions) bytes += 8 + batchBytes(values);
  }
  return bytes;
}

function batchBytes(values: readonly Uint8Array[]): number {
  let bytes = batchHeaderBytes;
  for (const [offset, value] of values.entries()) {
    const length = recordBytes(offset, value);
    bytes += varintBytes(length) + length;
  }
  return bytes;
}

/** Of a record without its own length. */
function recordBytes(offset: number, value: Uint8Array): number {
  return 4 + varintBytes(offset) + varintBytes(value.length) + value.length;
}

/** Bytes of a zigzag varint that is not negative. */
function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value * 2; rest > 127; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}

function writeVarint(body: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value * 2;
  for (; rest > 127; rest = Math.floor(rest / 128)) {
    body[at] = (rest & 127) | 128;
    at += 1;
  }
  body[at] = rest;
  return at + 1;
}

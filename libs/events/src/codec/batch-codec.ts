import type { Event, EventBatch } from '@tidegate/grpc';
import { batchBytesMax } from '../topics.js';
import { readEvent, readNested } from './read-event.js';
import { WireReader } from './wire-reader.js';
import { WireWriter } from './wire-writer.js';
import { writeEvent } from './write-event.js';

/** Bytes that are no EventBatch: not protobuf, a field of the wrong shape, or a batch without its producer or sequence. */
export class EventDecodeError extends Error {
  override readonly name = 'EventDecodeError';
}

const producerTag = (1 << 3) | 2;
const sequenceTag = 2 << 3;
const eventTag = (3 << 3) | 2;

/** Encodes events into one batch after another, each at most `batchBytesMax`, so that every event is encoded once. */
export class BatchEncoder {
  readonly #writer = new WireWriter();
  #count = 0;

  /** Events in the batch so far. */
  get count(): number {
    return this.#count;
  }

  /** Starts a batch; what was not finished is forgotten. */
  begin(producerId: string, sequence: number): void {
    this.#writer.at = 0;
    this.#count = 0;
    this.#writer.string(producerTag, producerId);
    this.#writer.uint(sequenceTag, sequence);
  }

  /** Appends an event. False, with nothing appended, when the batch has no room for it. Throws when a text of it is no string. */
  add(event: Event): boolean {
    const before = this.#writer.at;
    let isAdded = false;
    try {
      writeEvent(this.#writer, event);
      isAdded = this.#writer.at <= batchBytesMax;
    } finally {
      if (isAdded) this.#count += 1;
      else this.#writer.at = before;
    }
    return isAdded;
  }

  /** The batch's bytes, in memory of their own. */
  finish(): Uint8Array {
    return this.#writer.toBytes();
  }
}

/** An EventBatch as the value of a Kafka record, whatever its size. */
export function encodeBatch({ producerId, sequence, events }: EventBatch): Uint8Array {
  const writer = new WireWriter();
  writer.string(producerTag, producerId);
  writer.uint(sequenceTag, sequence);
  for (const event of events) writeEvent(writer, event);
  return writer.toBytes();
}

/**
 * Reads the value of a Kafka record. Fields it does not know are passed over; an event of an unknown kind has `kind`
 * undefined. Throws EventDecodeError, and nothing else, for bytes that are no batch.
 */
export function decodeBatch(bytes: Uint8Array): EventBatch {
  let batch: EventBatch;
  try {
    batch = readBatch(new WireReader(bytes));
  } catch (err) {
    throw new EventDecodeError(`not an event batch: ${err instanceof Error ? err.message : String(err)}`, { cause: err });
  }
  if (batch.producerId === '') throw new EventDecodeError('an event batch without its producer');
  if (batch.sequence < 1) throw new EventDecodeError('an event batch without its sequence');
  return batch;
}

function readBatch(reader: WireReader): EventBatch {
  const batch: EventBatch = { producerId: '', sequence: 0, events: [] };
  while (reader.at < reader.end) {
    const tag = reader.uint();
    if (tag === producerTag) batch.producerId = reader.word();
    else if (tag === sequenceTag) batch.sequence = reader.uint();
    else if (tag === eventTag) batch.events.push(readNested(reader, readEvent));
    else reader.skip(tag);
  }
  return batch;
}

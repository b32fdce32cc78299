import { Event, EventBatch } from '@tidegate/grpc';
import { batchBytesMax } from './topics.js';

/** Bytes that are no EventBatch: not protobuf, a field of the wrong shape, or a batch without its producer or sequence. */
export class EventDecodeError extends Error {
  override readonly name = 'EventDecodeError';
}

/** An EventBatch as the value of a Kafka record. */
export function encodeBatch(batch: EventBatch): Uint8Array {
  return EventBatch.encode(batch).finish();
}

/**
 * Reads the value of a Kafka record. Fields it does not know are skipped; an event of an unknown kind has `kind`
 * undefined. Throws EventDecodeError, and nothing else, for bytes that are no batch.
 */
export function decodeBatch(bytes: Uint8Array): EventBatch {
  let batch: EventBatch;
  try {
    batch = EventBatch.decode(bytes);
  } catch (err) {
    throw new EventDecodeError(`not an event batch: ${err instanceof Error ? err.message : String(err)}`, { cause: err });
  }
  if (batch.producerId === '') throw new EventDecodeError('an event batch without its producer');
  if (!Number.isSafeInteger(batch.sequence) || batch.sequence < 1) throw new EventDecodeError('an event batch without its sequence');
  return batch;
}

/** Encodes events into one batch after another, each at most `batchBytesMax`, so that every event is encoded once. */
export class BatchEncoder {
  #header: Uint8Array = new Uint8Array(0);
  #parts: Uint8Array[] = [];
  #byteLength = 0;

  /** Events in the batch so far. */
  get count(): number {
    return this.#parts.length;
  }

  /** Starts a batch; what was not finished is forgotten. */
  begin(producerId: string, sequence: number): void {
    this.#header = EventBatch.encode({ producerId, sequence, events: [] }).finish();
    this.#parts = [];
    this.#byteLength = this.#header.length;
  }

  /** Appends an event. False, with nothing appended, when the batch has no room for it. */
  add(event: Event): boolean {
    const bytes = EventBatch.encode({ producerId: '', sequence: 0, events: [event] }).finish();
    if (this.#byteLength + bytes.length > batchBytesMax) return false;
    this.#parts.push(bytes);
    this.#byteLength += bytes.length;
    return true;
  }

  /** The batch's bytes, in memory of their own. */
  finish(): Uint8Array {
    return Buffer.concat([this.#header, ...this.#parts], this.#byteLength);
  }
}

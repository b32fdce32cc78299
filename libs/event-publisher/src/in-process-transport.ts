import { decodeBatch, EventDecodeError } from '@tidegate/events';
import type { EventBatch } from '@tidegate/grpc';
import { BatchRefusedError, type EventTransport, type OutgoingBatch } from './transport.js';

/**
 * Takes one batch for one partition; resolves when its rows are as durable as they will be. Called in the order of
 * sequences, several times before the first call is settled: when one rejects, all later calls for its partition that are
 * still open must reject too, because every one of them is repeated. A batch at or below the last sequence of its
 * (producer, partition) is skipped and resolves.
 */
export type Deliver = (batch: EventBatch, partition: number) => Promise<void>;

export interface InProcessTransportOptions {
  readonly deliver: Deliver;
  /** Default 1. */
  readonly partitions?: number;
}

/** Hands batches to the analytics of the same process; events are the very objects that were published. */
export function createInProcessTransport({ deliver, partitions = 1 }: InProcessTransportOptions): EventTransport {
  return {
    name: 'in-process',
    partitions,
    takesBytes: false,
    spillAfterMs: Number.POSITIVE_INFINITY,
    send: async (batches) => {
      const outcomes = await Promise.allSettled(batches.map(async (batch) => deliver(toEventBatch(batch), batch.partition)));
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    },
    close: () => Promise.resolve(),
  };
}

function toEventBatch({ live, bytes }: OutgoingBatch): EventBatch {
  if (live !== undefined) return live;
  try {
    return decodeBatch(bytes ?? new Uint8Array(0));
  } catch (err) {
    if (err instanceof EventDecodeError) throw new BatchRefusedError('the spool holds a batch that is none', { cause: err });
    throw err;
  }
}

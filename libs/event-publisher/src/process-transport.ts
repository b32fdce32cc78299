import type { EventTransport, OutgoingBatch } from './transport.js';

/** Hands one encoded batch over; resolves when the analytics of the other process has it. Same rules as `Deliver`. */
export type DeliverBytes = (bytes: Uint8Array, partition: number) => Promise<void>;

/**
 * Sends batches to the analytics of another process on this machine. Encoded they cost a third of what a structured copy
 * of the objects does.
 */
export function createProcessTransport({ deliver }: { readonly deliver: DeliverBytes }): EventTransport {
  return {
    name: 'another-process',
    partitions: 1,
    takesBytes: true,
    spillAfterMs: Number.POSITIVE_INFINITY,
    send: async (batches) => {
      const outcomes = await Promise.allSettled(batches.map(async (batch) => deliver(bytesOf(batch), batch.partition)));
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    },
    close: () => Promise.resolve(),
  };
}

function bytesOf({ bytes }: OutgoingBatch): Uint8Array {
  if (bytes === undefined) throw new TypeError('a batch without bytes');
  return bytes;
}

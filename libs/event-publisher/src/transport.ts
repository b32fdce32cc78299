import type { Event } from '@tidegate/grpc';

/** One batch on its way: the events of one producer and partition under one sequence, as bytes, as objects, or both. */
export interface OutgoingBatch {
  readonly partition: number;
  /** Events in it. */
  readonly count: number;
  /** An encoded EventBatch. Set when the transport takes bytes. */
  readonly bytes: Uint8Array | undefined;
  readonly live: LiveBatch | undefined;
}

/** A batch that was never encoded. */
export interface LiveBatch {
  readonly producerId: string;
  readonly sequence: number;
  readonly events: Event[];
}

/** The way to the analytics: Kafka, a call in the same process, or one to another process of this machine. */
export interface EventTransport {
  readonly name: 'kafka' | 'in-process' | 'another-process';
  /** Events are spread over partitions 0 to partitions - 1 by their principal. */
  readonly partitions: number;
  /** Whether `send` needs `bytes`; otherwise it takes `live`, and `bytes` only for what comes from the spool. */
  readonly takesBytes: boolean;
  /** An unacknowledged batch older than this goes to the spool, and what follows with it. */
  readonly spillAfterMs: number;
  /**
   * Sends batches, in order within each partition, and resolves when all are acknowledged. A rejection says nothing about
   * which arrived: the same batches are sent again before anything else of their partitions.
   * Rejects with BatchRefusedError when the other side will never take them.
   */
  send(batches: readonly OutgoingBatch[]): Promise<void>;
  close(): Promise<void>;
}

/** The other side says that it will never take this batch, for what it is: too large, malformed. */
export class BatchRefusedError extends Error {
  override readonly name = 'BatchRefusedError';
}

import type { InProcessTransportOptions } from '@tidegate/event-publisher';

/** Environment variable that makes a process a worker, and says which: 1, 2, ... */
export const workerVariable = 'TIDEGATE_WORKER';

/** What a worker tells the process that forked it. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string; readonly exitCode: number }
  /** Events for the analytics of that process; answered by `accepted` with the same id. */
  | { readonly kind: 'batch'; readonly id: number; readonly partition: number; readonly batch: Parameters<AcceptBatch>[0] };

/** What a worker is told. */
export type PrimaryMessage =
  | { readonly kind: 'stop' }
  /** The rows are durable, or why not: the batch is sent again. */
  | { readonly kind: 'accepted'; readonly id: number; readonly error?: string };

/** Takes one batch for one partition; resolves when it is durable. */
export type AcceptBatch = InProcessTransportOptions['deliver'];

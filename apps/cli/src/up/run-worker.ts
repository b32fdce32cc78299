import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import type { RunningApps } from './start-apps.js';
import type { AcceptBatch, PrimaryMessage, WorkerMessage } from './worker-messages.js';

/**
 * A worker's life: starts the gateways, says so, and drains when it is told to or when the process that forked it is gone.
 * Signals are that process's business: a terminal sends Ctrl-C to both.
 */
export async function runWorker(start: (accept: AcceptBatch) => Promise<RunningApps>): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => undefined);
  const stopped = untilToldToStop();
  try {
    const running = await start(createDeliver());
    tell({ kind: 'ready' });
    await stopped;
    await running.stop();
  } catch (error) {
    const exitCode = error instanceof CliError ? error.exitCode : exitCodes.unavailable;
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error), exitCode });
    process.exitCode = exitCode;
  }
  if (process.connected) process.disconnect();
}

function untilToldToStop(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  process.once('disconnect', resolve);
  process.on('message', (message: PrimaryMessage) => {
    if (message.kind === 'stop') resolve();
  });
  return promise;
}

/** Hands batches to the analytics of the process that forked this one. */
function createDeliver(): AcceptBatch {
  const waiting = new Map<number, PromiseWithResolvers<void>>();
  let lastId = 0;
  process.on('message', (message: PrimaryMessage) => {
    if (message.kind !== 'accepted') return;
    const one = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error === undefined) one?.resolve();
    else one?.reject(new Error(message.error));
  });
  process.once('disconnect', () => {
    for (const one of waiting.values()) one.reject(new Error('the process with the analytics is gone'));
    waiting.clear();
  });
  return (batch, partition) => {
    const one = Promise.withResolvers<void>();
    lastId += 1;
    waiting.set(lastId, one);
    tell({ kind: 'batch', id: lastId, partition, batch });
    return one.promise;
  };
}

function tell(message: WorkerMessage): void {
  if (process.connected) process.send?.(message);
}

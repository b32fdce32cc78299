import process from 'node:process';
import type { Observability } from '@tidegate/observability';
import type { AdminOperation } from './admin-operation.js';
import { MetricsSum } from './metrics-sum.js';
import { reportAll, type Report } from './report-all.js';
import { thisWorker } from './this-worker.js';
import { startWorkerGroup } from './worker-group.js';
import { runWorkerProcess, type WorkerParts } from './worker-process.js';

export interface AppOptions {
  /** First word of what it says when it cannot start. */
  readonly app: string;
  readonly workers: number;
  readonly drain: { readonly timeoutMs: number };
  readonly observability: Observability;
  /** Starts the app in this process; `ops`: with its own ops server. */
  readonly start: (ops: boolean) => Promise<WorkerParts>;
  /** Starts the ops server of all workers. */
  readonly startOps: (shown: { readonly report: Report; readonly admin: readonly AdminOperation[] }) => Promise<{ close(): Promise<void> }>;
}

/** For what follows a drain: the events that are left, the limiter's stream, connections that linger. */
const afterDrainMs = 15_000;

/** How long a worker may take to end after it was told to. */
export const killAfterMs = (drain: { readonly timeoutMs: number }): number => drain.timeoutMs + afterDrainMs;

/**
 * The life of an app's process (see runUntilSignalled). With several workers this process forks them, serves their
 * health, metrics and admin API, and drains them; each of them runs the app.
 */
export async function runApp(options: AppOptions): Promise<void> {
  const { app, observability, workers, start } = options;
  if (thisWorker() !== undefined) return runWorkerProcess({ observability, drainsOnSignal: true, start: () => start(false) });
  return runUntilSignalled(app, () => (workers > 1 ? startPrimary(options) : start(true)));
}

/**
 * The life of a process that runs one app, from its start to exit 0 after SIGTERM or SIGINT. Exits with 1, or what the
 * error asks for (`exitCode`), when the app cannot start.
 * @param app first word of what it says then
 */
export async function runUntilSignalled(app: string, start: () => Promise<{ close(): Promise<void> }>): Promise<void> {
  const signalled = untilSignalled();
  try {
    const running = await start();
    await signalled;
    await running.close();
    process.exit(0);
  } catch (error) {
    const { message, exitCode = 1 } = (error instanceof Error ? error : new Error(String(error))) as Error & { exitCode?: number };
    process.stderr.write(`${app}: ${message}\n`);
    process.exit(exitCode);
  }
}

function untilSignalled(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  return promise;
}

async function startPrimary({ workers, drain, observability, startOps }: AppOptions): Promise<{ close(): Promise<void> }> {
  const metrics = new MetricsSum();
  const group = await startWorkerGroup({ group: 'worker', count: workers, observability, metrics, killAfterMs: killAfterMs(drain) });
  const ops = await startOps({ report: reportAll(observability, metrics, [group]), admin: group.admin });
  const close = async (): Promise<void> => {
    observability.health.set('workers', false, 'draining');
    await group.stop();
    await ops.close();
  };
  return { close };
}

import process from 'node:process';
import type { Observability } from '@tidegate/observability';
import type { AdminCall, AdminName, AdminOperation, AdminReply } from './admin-operation.js';
import { Peer } from './peer.js';

/** What runs in a worker. */
export interface WorkerParts {
  /** Its admin API, served by the primary. */
  readonly admin?: readonly AdminOperation[];
  /** Drains and stops. */
  close(): Promise<void>;
}

export interface WorkerProcessOptions {
  readonly observability: Pick<Observability, 'registry' | 'health'>;
  /** Whether SIGTERM and SIGINT drain it too; otherwise it waits for the word of its primary, as those do that others need to drain. */
  readonly drainsOnSignal: boolean;
  /** Starts what runs here; `primary` answers what the group has handlers for. An `exitCode` on its error reaches the primary. */
  readonly start: (primary: Peer) => Promise<WorkerParts>;
}

/** What a worker says when it serves. */
export interface Ready {
  readonly admin: readonly AdminName[];
}

/** What it says when it cannot. */
export interface Failed {
  readonly message: string;
  readonly exitCode: number;
}

/**
 * A worker's life: starts, says so, shows the primary its health and metrics, drains and ends with 0. When the primary is
 * gone node:cluster ends it.
 */
export async function runWorkerProcess({ observability, drainsOnSignal, start }: WorkerProcessOptions): Promise<void> {
  const { registry, health } = observability;
  const stopped = Promise.withResolvers<void>();
  let admin: readonly AdminOperation[] = [];
  const primary = new Peer(process, {
    metrics: () => registry.getMetricsAsJSON(),
    readiness: () => health.toReport().checks,
    admin: (call: AdminCall) => handle(admin, call),
    stop: () => stopped.resolve(),
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => drainsOnSignal && stopped.resolve());
  try {
    const parts = await start(primary);
    admin = parts.admin ?? [];
    await primary.call('ready', { admin: admin.map(({ method, path }) => ({ method, path })) } satisfies Ready);
    await stopped.promise;
    await parts.close();
    await primary.call('leaving', await registry.getMetricsAsJSON()).catch(() => undefined);
    process.exit(0);
  } catch (error) {
    const { message, exitCode = 1 } = (error instanceof Error ? error : new Error(String(error))) as Error & { exitCode?: number };
    await primary.call('failed', { message, exitCode } satisfies Failed).catch(() => undefined);
    process.exit(exitCode);
  }
}

async function handle(admin: readonly AdminOperation[], { method, path, request }: AdminCall): Promise<AdminReply> {
  const operation = admin.find((one) => one.method === method && one.path === path);
  if (operation === undefined) throw new TypeError(`no admin operation ${method} ${path}`);
  return operation.handle(request);
}

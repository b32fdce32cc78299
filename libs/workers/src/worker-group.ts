import cluster from 'node:cluster';
import { counter, gauge, type HealthCheck, type Observability } from '@tidegate/observability';
import type { AdminOperation } from './admin-operation.js';
import { AdminRelay } from './admin-relay.js';
import type { MetricsSum } from './metrics-sum.js';
import type { Handlers } from './peer.js';
import { WorkerSlot } from './worker-slot.js';

export interface WorkerGroupOptions {
  /** First part of the names of its workers, such as gateway. */
  readonly group: string;
  readonly count: number;
  readonly observability: Pick<Observability, 'logger' | 'registry'>;
  /** Where the group's metrics are added up. */
  readonly metrics: MetricsSum;
  /** What workers may ask of this process, by name. */
  readonly handlers?: Handlers;
  /** What does not end within this time of being told to is killed, ms. */
  readonly killAfterMs: number;
}

/** Processes that run the same command line as this one, and share its listeners. */
export interface WorkerGroup {
  /** Their admin API as one. */
  readonly admin: readonly AdminOperation[];
  /** The checks of each, under its name. */
  readiness(): Promise<readonly HealthCheck[]>;
  /** Brings the sum of metrics up to date. */
  look(): Promise<void>;
  /** Lets all drain; resolves when they are gone. */
  stop(): Promise<void>;
}

/**
 * Forks this very command line `count` times by node:cluster. One that dies later is replaced.
 * @throws WorkerStartError of the first that cannot start; then the others are stopped
 */
export async function startWorkerGroup(options: WorkerGroupOptions): Promise<WorkerGroup> {
  cluster.setupPrimary({ exec: process.argv[1] ?? '', args: process.argv.slice(2), serialization: 'advanced' });
  const slots: WorkerSlot[] = [];
  const relay = new AdminRelay(slots);
  for (let number = 1; number <= options.count; number += 1) slots.push(createSlot(`${options.group}-${number}`, relay, options));
  const stop = async (): Promise<void> => void (await Promise.all(slots.map((slot) => slot.stop(options.killAfterMs))));
  const outcomes = await Promise.allSettled(slots.map((slot) => slot.start()));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return {
    admin: (slots[0]?.admin ?? []).map((name) => relay.toOperation(name)),
    readiness: async () => (await Promise.all(slots.map((slot) => slot.readiness()))).flat(),
    look: async () => void (await Promise.all(slots.map((slot) => slot.look()))),
    stop,
  };
}

function createSlot(name: string, relay: AdminRelay, { group, observability, metrics, handlers = {} }: WorkerGroupOptions): WorkerSlot {
  const { logger, registry } = observability;
  const restarts = counter(registry, { name: 'tidegate_worker_restarts_total', help: 'Workers that died and were replaced.', labelNames: ['worker'] });
  const ready = gauge(registry, { name: 'tidegate_workers_ready', help: 'Workers that serve.', labelNames: ['group'] });
  restarts.inc({ worker: name }, 0);
  return new WorkerSlot({
    name,
    logger,
    handlers,
    catchUp: () => relay.orders,
    onMetrics: (samples) => metrics.saw(name, samples),
    onReady: () => ready.inc({ group }),
    onGone: (wasReady) => {
      metrics.lost(name);
      if (wasReady) ready.dec({ group });
    },
    onRestart: () => restarts.inc({ worker: name }),
  });
}

import { hostname } from 'node:os';
import { decodeBatch } from '@tidegate/events';
import type { DeliverBytes } from '@tidegate/event-publisher';
import { createObservability, type LogLevel, type Observability } from '@tidegate/observability';
import { startOps } from '@tidegate/ops';
import { instanceName, killAfterMs, MetricsSum, reportAll, runWorkerProcess, startWorkerGroup, type Peer, type WorkerGroup, type WorkerName } from '@tidegate/workers';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { opsAddress, splitApps, type AppSplit } from './planned-listeners.js';
import { expectEventsToArrive, startApps, type RunningApps, type StartOptions } from './start-apps.js';

/** What `up` was asked for. */
export interface Plan extends Pick<StartOptions, 'config' | 'apps' | 'source' | 'secrets'> {
  readonly level: LogLevel;
}

/** One batch on its way from a worker. */
interface EventsCall {
  readonly bytes: Uint8Array;
  readonly partition: number;
}

/** Starts everything in this process, or with `workers` some of it in others; returns what stops it all. */
export async function startAll(plan: Plan): Promise<() => Promise<void>> {
  const split = splitApps(plan.config, plan.apps);
  const observability = openObservability(hostname(), plan.level);
  expectEventsToArrive(plan.config, plan.apps);
  try {
    if (split.gateways.length > 0) return await startPrimary(plan, split, observability);
    const { stop } = await startApps({ ...plan, observability, opsAddress: opsAddress(plan.config, plan.apps) });
    return stop;
  } catch (error) {
    if (error instanceof CliError) throw error;
    const { message, exitCode = exitCodes.unavailable } = error as Error & { exitCode?: number };
    throw new CliError(`tidegate up: ${message}`, exitCode, { cause: error });
  }
}

/** The part of this process in a plan with workers, until it is told to stop. */
export function runWorker(plan: Plan, worker: WorkerName): Promise<void> {
  const isGateway = worker.group === gatewayGroup;
  const observability = openObservability(isGateway ? instanceName(hostname()) : `${hostname()}-${worker.group}`, plan.level);
  const split = splitApps(plan.config, plan.apps);
  const start = async (primary: Peer): Promise<{ close(): Promise<void> } & Pick<RunningApps, 'admin'>> => {
    const deliverBytes: DeliverBytes = (bytes, partition) => primary.call('events', { bytes, partition } satisfies EventsCall);
    const { admin, stop } = await startApps({ ...plan, apps: isGateway ? split.gateways : split.limiter, observability, deliverBytes });
    return { admin, close: stop };
  };
  return runWorkerProcess({ observability, drainsOnSignal: isGateway, start });
}

const gatewayGroup = 'worker';
const limiterGroup = 'limiter';

/** Analytics and demo services here; the limiter, which all gateways ask, in a process of its own; the gateways in `workers`. */
async function startPrimary(plan: Plan, split: AppSplit, observability: Observability): Promise<() => Promise<void>> {
  const { config, secrets } = plan;
  const closers: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    observability.health.set('up', false, 'draining');
    for (const close of closers.splice(0).toReversed()) await close();
  };
  try {
    const { accept, admin, stop: stopOwn } = await startApps({ ...plan, apps: split.own, observability });
    closers.push(stopOwn);
    const metrics = new MetricsSum();
    const handlers = { events: ({ bytes, partition }: EventsCall) => accept?.(decodeBatch(bytes), partition) };
    const groups: WorkerGroup[] = [];
    for (const [group, count] of [[limiterGroup, split.limiter.length], [gatewayGroup, config.workers]] as const) {
      if (count === 0) continue;
      const started = await startWorkerGroup({ group, count, observability, metrics, handlers, killAfterMs: killAfterMs(config.drain) });
      closers.push(() => started.stop());
      groups.push(started);
    }
    const allAdmin = [...admin, ...groups.flatMap((group) => group.admin)];
    const report = reportAll(observability, metrics, groups);
    const ops = await startOps({ address: opsAddress(config, plan.apps), observability, adminToken: secrets.adminToken, admin: allAdmin, report });
    closers.unshift(() => ops.close());
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}

function openObservability(instance: string, level: LogLevel): Observability {
  return createObservability({ app: 'tidegate', instance, level, destination: { write: (line) => void process.stderr.write(line) } });
}

import { createServer } from 'node:net';
import { demoRoles, opsAddressOf, type TidegateConfig } from '@tidegate/config';
import { formatAddress, type ListenAddress } from '@tidegate/units';
import type { AppName } from './app-names.js';

/** A port this process is going to listen on, and the key of the configuration that says so. */
export interface PlannedListener {
  readonly key: string;
  readonly address: ListenAddress;
}

/** Everything the wanted apps listen on. */
export function planListeners(config: TidegateConfig, apps: readonly AppName[]): PlannedListener[] {
  const { listeners, demo } = config;
  const ofDemo = demoRoles.flatMap((role) => (demo?.[role] ?? []).map((address) => ({ key: `demo.${role}`, address })));
  const replay = listeners.replay === undefined ? [] : [{ key: 'listeners.replay.address', address: listeners.replay.address }];
  const byApp: Record<AppName, PlannedListener[]> = {
    analytics: [{ key: 'listeners.analytics.address', address: listeners.analytics.address }],
    limiter: [{ key: 'listeners.limiter.address', address: listeners.limiter.address }],
    egress: [{ key: 'listeners.egress.address', address: listeners.egress.address }],
    demo: ofDemo,
    ingress: [{ key: 'listeners.public.address', address: listeners.public.address }, ...replay],
  };
  const workers = splitApps(config, apps).inWorkers.length === 0 ? 0 : config.workers;
  const ofWorkers = Array.from({ length: workers }, (_, at) => ({ key: 'listeners.ops.address', address: workerOpsAddress(config, at + 1) }));
  return [...apps.flatMap((app) => byApp[app]), ...ofWorkers, { key: 'listeners.ops.address', address: opsAddress(config, apps) }];
}

/** One app alone listens where it would in its own process; several share the one ops listener. */
export function opsAddress(config: TidegateConfig, apps: readonly AppName[]): ListenAddress {
  const [first, ...others] = apps;
  return first === undefined || others.length > 0 ? config.listeners.ops.address : opsAddressOf(config, first);
}

/** The apps that run in workers when there are several: the gateways (`workers` in the configuration). */
export function splitApps(config: TidegateConfig, apps: readonly AppName[]): { readonly own: AppName[]; readonly inWorkers: AppName[] } {
  const isInWorker = (app: AppName): boolean => config.workers > 1 && (app === 'ingress' || app === 'egress');
  return { own: apps.filter((app) => !isInWorker(app)), inWorkers: apps.filter((app) => isInWorker(app)) };
}

/** Health and metrics of one worker, ten ports above the ops listener and up. */
export function workerOpsAddress(config: TidegateConfig, worker: number): ListenAddress {
  const { host, port } = config.listeners.ops.address;
  return { host, port: port === 0 ? 0 : port + 10 + worker };
}

/** The planned ports that somebody else has, as lines that say what to change. Binds each for a moment. */
export async function findBusyPorts(planned: readonly PlannedListener[]): Promise<string[]> {
  const lines = await Promise.all(planned.filter(({ address }) => address.port !== 0).map((one) => tryToBind(one)));
  return lines.filter((line) => line !== undefined);
}

function tryToBind({ key, address }: PlannedListener): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const server = createServer();
  server.once('error', (error: NodeJS.ErrnoException) => resolve(explainListenError(error, { key, address })));
  server.listen({ ...address, exclusive: true }, () => void server.close(() => resolve(undefined)));
  return promise;
}

function explainListenError({ code, message }: NodeJS.ErrnoException, { key, address }: PlannedListener): string {
  const where = formatAddress(address);
  if (code === 'EADDRINUSE') return `address already in use: ${where}; change ${key} or stop the other process`;
  if (code === 'EACCES') return `not allowed to listen on ${where}; change ${key} to a port from 1024 up`;
  if (code === 'EADDRNOTAVAIL') return `this machine has no address ${address.host}; change ${key}`;
  return `cannot listen on ${where}: ${message}; change ${key}`;
}

import { createServer } from 'node:net';
import { demoRoles, explainListenError, opsAddressOf, type ConfiguredListener, type TidegateConfig } from '@tidegate/config';
import type { ListenAddress } from '@tidegate/units';
import type { AppName } from './app-names.js';

/** Everything the wanted apps listen on. */
export function planListeners(config: TidegateConfig, apps: readonly AppName[]): ConfiguredListener[] {
  const { listeners, demo } = config;
  const ofDemo = demoRoles.flatMap((role) => (demo?.[role] ?? []).map((address) => ({ key: `demo.${role}`, address })));
  const replay = listeners.replay === undefined ? [] : [{ key: 'listeners.replay.address', address: listeners.replay.address }];
  const byApp: Record<AppName, ConfiguredListener[]> = {
    analytics: [{ key: 'listeners.analytics.address', address: listeners.analytics.address }],
    limiter: [{ key: 'listeners.limiter.address', address: listeners.limiter.address }],
    egress: [{ key: 'listeners.egress.address', address: listeners.egress.address }],
    demo: ofDemo,
    ingress: [{ key: 'listeners.public.address', address: listeners.public.address }, ...replay],
  };
  return [...apps.flatMap((app) => byApp[app]), { key: 'listeners.ops.address', address: opsAddress(config, apps) }];
}

/** One app alone listens where it would in its own process; several share the one ops listener. */
export function opsAddress(config: TidegateConfig, apps: readonly AppName[]): ListenAddress {
  const [first, ...others] = apps;
  return first === undefined || others.length > 0 ? config.listeners.ops.address : opsAddressOf(config, first);
}

/** Which process runs which apps. */
export interface AppSplit {
  /** The one that was started. */
  readonly own: AppName[];
  /** One of its own: all gateways ask the same limiter. */
  readonly limiter: AppName[];
  /** Each of `workers`. */
  readonly gateways: AppName[];
}

/** Everything in one process, unless the configuration wants several workers for the gateways. */
export function splitApps({ workers }: TidegateConfig, apps: readonly AppName[]): AppSplit {
  const gateways = apps.filter((app) => app === 'ingress' || app === 'egress');
  if (workers === 1 || gateways.length === 0) return { own: [...apps], limiter: [], gateways: [] };
  const own = apps.filter((app) => app === 'analytics' || app === 'demo');
  return { own, limiter: apps.filter((app) => app === 'limiter'), gateways };
}

/** The planned ports that somebody else has, as lines that say what to change. Binds each for a moment. */
export async function findBusyPorts(planned: readonly ConfiguredListener[]): Promise<string[]> {
  const lines = await Promise.all(planned.filter(({ address }) => address.port !== 0).map((one) => tryToBind(one)));
  return lines.filter((line) => line !== undefined);
}

function tryToBind({ key, address }: ConfiguredListener): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const server = createServer();
  server.once('error', (error: NodeJS.ErrnoException) => resolve(explainListenError(error, { key, address })));
  server.listen({ ...address, exclusive: true }, () => void server.close(() => resolve(undefined)));
  return promise;
}

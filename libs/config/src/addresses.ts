import { join } from 'node:path';
import type { ApiKeyPlace } from '@tidegate/auth';
import { formatAddress, type ListenAddress } from '@tidegate/units';
import type { TidegateConfig } from './tidegate-schema.js';

/** Ports of the ops listeners in separate processes, counted from `listeners.ops` (9100: everything in one process). */
const opsOffsets = { ingress: 1, limiter: 2, egress: 3, analytics: 4, demo: 5 } as const;

/** An app that has an ops listener. */
export type OpsApp = keyof typeof opsOffsets;

/** Where an app's health, metrics and admin API listen when it runs in its own process. */
export function opsAddressOf(config: Pick<TidegateConfig, 'listeners'>, app: OpsApp): ListenAddress {
  const { host, port } = config.listeners.ops.address;
  return { host, port: port === 0 ? 0 : port + opsOffsets[app] };
}

/** The configuration as an app in its own process sees it: its ops listener on its own port. */
export function forApp(config: TidegateConfig, app: OpsApp): TidegateConfig {
  return { ...config, listeners: { ...config.listeners, ops: { address: opsAddressOf(config, app) } } };
}

/** Where a process finds the others: `links`, or the listeners' own addresses. */
export function linkTargets({ listeners, links }: Pick<TidegateConfig, 'listeners' | 'links'>): LinkTargets {
  return {
    limiter: links.limiter ?? [formatAddress(reachable(listeners.limiter.address))],
    egress: links.egress ?? [originOf(listeners.egress)],
    public: links.public ?? originOf(listeners.public),
    replay: links.replay ?? (listeners.replay === undefined ? undefined : originOf(listeners.replay)),
    analytics: links.analytics ?? originOf(listeners.analytics),
  };
}

const originOf = ({ address }: { readonly address: ListenAddress }): string => `http://${formatAddress(reachable(address))}`;

/** Targets by tier. */
export interface LinkTargets {
  /** host:port. */
  readonly limiter: readonly string[];
  /** Origins. */
  readonly egress: readonly string[];
  /** Origin of the public listener. */
  readonly public: string;
  /** Undefined: there is no replay listener. */
  readonly replay: string | undefined;
  /** Origin of the analytics API. */
  readonly analytics: string;
}

/** Where API keys are kept: in the limiter's Redis, or beside the secrets where there is one process (gateway/A4). */
export function apiKeyPlaceOf({ limiter, secrets }: Pick<TidegateConfig, 'limiter' | 'secrets'>): ApiKeyPlace {
  const { store } = limiter;
  return store.kind === 'redis' ? { redis: { url: store.url } } : { file: join(secrets.directory, 'keys.json') };
}

/** An address to connect to for one to listen on: "every address" becomes loopback. */
export function reachable({ host, port }: ListenAddress): ListenAddress {
  if (host === '0.0.0.0') return { host: '127.0.0.1', port };
  return { host: host === '::' ? '::1' : host, port };
}

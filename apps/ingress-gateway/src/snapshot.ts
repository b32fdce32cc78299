import type { ServiceConfig } from '@tidegate/proxy';
import { compileRoutes, type RouteTable } from '@tidegate/routing';
import type { IngressGatewayConfig } from './config.js';

/** Everything of one config version that a request needs. Immutable; a request reads one from start to end (gateway/K2). */
export interface Snapshot {
  readonly configVersion: string;
  readonly routes: RouteTable;
  readonly services: Readonly<Record<string, ServiceConfig>>;
}

/** Compiles the snapshot of a checked configuration. */
export function buildSnapshot({ configVersion, routes, services }: IngressGatewayConfig): Snapshot {
  return { configVersion, routes: compileRoutes(routes), services };
}

import type { ServiceConfig } from '@tidegate/proxy';
import { compileRoutes, type RouteTable } from '@tidegate/routing';
import type { IngressGatewayConfig } from './config.js';

/** Everything of one config version that a request needs. Immutable; a request reads one from start to end (gateway/K2). */
export interface Snapshot {
  readonly configVersion: string;
  readonly routes: RouteTable;
  /** Whether some route takes the method, whatever its path. */
  readonly methods: { has(method: string): boolean };
  readonly services: Readonly<Record<string, ServiceConfig>>;
}

/** Compiles the snapshot of a checked configuration. */
export function buildSnapshot({ configVersion, routes, services }: IngressGatewayConfig): Snapshot {
  return { configVersion, routes: compileRoutes(routes), methods: methodsOf(routes), services };
}

function methodsOf(routes: IngressGatewayConfig['routes']): Snapshot['methods'] {
  if (routes.some(({ match }) => match.methods.length === 0)) return { has: () => true };
  const methods = new Set(routes.flatMap(({ match }) => match.methods));
  if (methods.has('GET')) methods.add('HEAD');
  return methods;
}

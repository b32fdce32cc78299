import type { UpstreamService } from '@tidegate/proxy';
import type { RouteConfig } from '@tidegate/routing';

/** Where the requests of one route go. */
export interface Destination {
  readonly route: string;
  readonly service: UpstreamService;
  /** To the head of the answer. */
  readonly timeoutMs: number;
  /** Its bodies may be silent for long (gateway/H7). */
  readonly isStreaming: boolean;
}

/** Everything of one config version that a request needs: destinations by route name. Immutable. */
export interface Snapshot {
  readonly configVersion: string;
  readonly destinations: ReadonlyMap<string, Destination>;
}

/** Puts it together. Throws when a route names a service that is not there; the config's check finds that first. */
export function buildSnapshot(
  configVersion: string,
  routes: readonly Pick<RouteConfig, 'name' | 'service' | 'stream' | 'timeoutMs'>[],
  services: ReadonlyMap<string, UpstreamService>,
): Snapshot {
  const destinations = new Map<string, Destination>();
  for (const route of routes) {
    const service = services.get(route.service);
    if (service === undefined) throw new Error(`route ${route.name}: no service ${route.service}`);
    const timeoutMs = route.timeoutMs ?? service.config.timeoutMs;
    destinations.set(route.name, { route: route.name, service, timeoutMs, isStreaming: route.stream });
  }
  return { configVersion, destinations };
}

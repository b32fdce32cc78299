import type { Logger } from '@tidegate/observability';
import { UpstreamService, type ServicesConfig, type UpstreamServiceListener } from '@tidegate/proxy';
import type { Clock } from '@tidegate/units';
import type { EgressEvents } from './egress-events.js';
import type { EgressMetrics } from './egress-metrics.js';

export interface CreateServicesOptions {
  readonly config: ServicesConfig;
  readonly clock: Clock;
  readonly metrics: EgressMetrics;
  readonly events: EgressEvents;
  readonly logger: Logger;
}

/** Services by name. */
export type Services = ReadonlyMap<string, UpstreamService>;

/** Makes all services of a configuration; what happens to them is logged, counted and published. Close each. */
export function createServices({ config, clock, metrics, events, logger }: CreateServicesOptions): Services {
  const listener: UpstreamServiceListener = {
    onCircuitChange: (service, upstream, change) => {
      logger.warn({ service, upstream, ...change }, 'breaker changed');
      metrics.recordBreakerChange(service, upstream, change.to);
      events.breakerChanged(service, upstream, change);
    },
    onHealthChange: (change) => logger.warn(change, 'upstream changed'),
  };
  const services = new Map<string, UpstreamService>();
  for (const [name, service] of Object.entries(config)) {
    services.set(name, new UpstreamService({ name, config: service, clock, listener }));
  }
  metrics.watch([...services.values()]);
  return services;
}

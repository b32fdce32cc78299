import { counter, gauge, requestSeries, type RecordRequest, type Registry } from '@tidegate/observability';
import type { UpstreamService } from '@tidegate/proxy';

/** What the egress counts. Labels come from the config and from closed lists (gateway/O2). */
export interface EgressMetrics {
  /** One request ended: service, status, ms. */
  readonly record: RecordRequest;
  recordFault(code: string): void;
  recordRetry(service: string): void;
  recordBreakerChange(service: string, upstream: string, to: string): void;
  /** From now on load, breakers and health of these are read at each scrape. */
  watch(services: readonly UpstreamService[]): void;
}

/** Numbers of a breaker's states in the gauge. */
const stateNumbers = { closed: 0, 'half-open': 1, open: 2 } as const;

/** Makes the metrics. */
export function createEgressMetrics(registry: Registry): EgressMetrics {
  const faults = counter(registry, { name: 'tidegate_egress_faults_total', help: 'Answers made by the gateway itself, by fault code.', labelNames: ['code'] });
  const retries = counter(registry, { name: 'tidegate_egress_retries_total', help: 'Attempts after the first.', labelNames: ['service'] });
  const changes = counter(registry, { name: 'tidegate_egress_breaker_changes_total', help: 'Breaker changes, by new state.', labelNames: ['service', 'upstream', 'to'] });
  return {
    record: requestSeries(registry, { prefix: 'tidegate_egress', label: 'service' }),
    recordFault: (code) => faults.inc({ code }),
    recordRetry: (service) => retries.inc({ service }),
    recordBreakerChange: (service, upstream, to) => changes.inc({ service, upstream, to }),
    watch: (services) => watchServices(registry, services),
  };
}

function watchServices(registry: Registry, services: readonly UpstreamService[]): void {
  gauge(registry, {
    name: 'tidegate_egress_requests_in_flight',
    help: 'Requests under way, bodies included.',
    labelNames: ['service'],
    collect() {
      for (const service of services) this.set({ service: service.name }, service.inFlight);
    },
  });
  gauge(registry, {
    name: 'tidegate_egress_breaker_state',
    aggregator: 'max',
    help: 'State of each breaker: 0 closed, 1 half-open, 2 open. Without upstream: the whole service.',
    labelNames: ['service', 'upstream'],
    collect() {
      for (const { name, circuit, endpoints } of services) {
        this.set({ service: name, upstream: '' }, stateNumbers[circuit.state]);
        for (const one of endpoints) this.set({ service: name, upstream: one.name }, stateNumbers[one.circuit?.state ?? 'closed']);
      }
    },
  });
  gauge(registry, {
    name: 'tidegate_egress_upstream_healthy',
    aggregator: 'min',
    help: 'Whether the active checks of an upstream pass.',
    labelNames: ['service', 'upstream'],
    collect() {
      for (const { name, endpoints } of services) {
        for (const one of endpoints) this.set({ service: name, upstream: one.name }, one.isHealthy ? 1 : 0);
      }
    },
  });
}

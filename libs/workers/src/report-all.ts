import type { HealthCheck, Observability } from '@tidegate/observability';
import type { MetricsSum } from './metrics-sum.js';
import type { WorkerGroup } from './worker-group.js';

/** Health and metrics of this process and its workers, as the ops server shows them. */
export interface Report {
  /** Ready when this process and all workers are. */
  readiness(): Promise<{ readonly ready: boolean; readonly checks: readonly HealthCheck[] }>;
  /** Text for Prometheus. */
  metrics(): Promise<string>;
}

/** Shows this process and its workers as one. */
export function reportAll(own: Pick<Observability, 'health' | 'registry'>, metrics: MetricsSum, groups: readonly WorkerGroup[]): Report {
  return {
    readiness: async () => {
      const ofWorkers = await Promise.all(groups.map((group) => group.readiness()));
      const checks = [...own.health.toReport().checks, ...ofWorkers.flat()];
      return { ready: checks.length > 0 && checks.every(({ ok }) => ok), checks };
    },
    metrics: async () => {
      await Promise.all(groups.map((group) => group.look()));
      return metrics.toText(await own.registry.getMetricsAsJSON());
    },
  };
}

import { AggregatorRegistry, Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export { Registry };
export type { Counter, Gauge, Histogram };

/** Name, help and the closed list of labels of one metric. Label values come from the config, never from requests. */
export interface MetricOptions<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly L[];
}

/** A registry with the process's own metrics in it. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** The counter of that name; made at the first call, shared after (apps of one process share a registry). `collect` is called at each scrape. */
export function counter<L extends string>(registry: Registry, options: MetricOptions<L> & { readonly collect?: (this: Counter<L>) => void }): Counter<L> {
  const known = registry.getSingleMetric(options.name);
  if (known !== undefined) return known as unknown as Counter<L>;
  return new Counter<L>({ ...options, labelNames: [...(options.labelNames ?? [])], registers: [registry] });
}

/** What a gauge of several processes together shows; default: the sum. */
export type GaugeAggregator = 'sum' | 'min' | 'max' | 'average';

/** The gauge of that name; `collect` is called at each scrape. */
export function gauge<L extends string>(
  registry: Registry,
  options: MetricOptions<L> & { readonly collect?: (this: Gauge<L>) => void; readonly aggregator?: GaugeAggregator },
): Gauge<L> {
  const known = registry.getSingleMetric(options.name);
  if (known !== undefined) return known as unknown as Gauge<L>;
  return new Gauge<L>({ ...options, labelNames: [...(options.labelNames ?? [])], registers: [registry] });
}

/** Seconds, from a quarter of a millisecond to 30 s. */
export const latencyBucketsSeconds: readonly number[] = [
  0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** The histogram of that name; default buckets are latencies in seconds. */
export function histogram<L extends string>(
  registry: Registry,
  options: MetricOptions<L> & { readonly buckets?: readonly number[] },
): Histogram<L> {
  const known = registry.getSingleMetric(options.name);
  if (known !== undefined) return known as unknown as Histogram<L>;
  const buckets = [...(options.buckets ?? latencyBucketsSeconds)];
  return new Histogram<L>({ ...options, labelNames: [...(options.labelNames ?? [])], buckets, registers: [registry] });
}

/** One metric with all its samples, as `registry.getMetricsAsJSON()` gives it: plain data, for another process. */
export type MetricSamples = Awaited<ReturnType<Registry['getMetricsAsJSON']>>[number];

/** A registry of the metrics of several processes: counters and histograms added, gauges as each says. */
export function sumMetrics(ofProcesses: readonly (readonly MetricSamples[])[]): Registry {
  return AggregatorRegistry.aggregate([...ofProcesses]);
}

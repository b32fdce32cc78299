import type { Registry } from './metrics.js';
import { latencyBucketsSeconds } from './metrics.js';

export interface RequestSeriesOptions {
  /** Such as tidegate_ingress: of `<prefix>_requests_total` and `<prefix>_request_duration_seconds`. */
  readonly prefix: string;
  /** What requests are told apart by besides their status; its values come from the config. */
  readonly label: string;
}

/** Counts one request that ended. */
export type RecordRequest = (value: string, status: number, durationMs: number) => void;

interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

/** What a registry asks of a metric at a scrape. */
interface ScrapedMetric {
  readonly name: string;
  get(): Promise<{ name: string; help: string; type: string; aggregator: string; values: readonly Sample[] }>;
}

const buckets = latencyBucketsSeconds;
const known = new WeakMap<Registry, Map<string, RecordRequest>>();

/** Requests and latencies of one label value; adding to them is a few additions, labels are put together at a scrape. */
class Series {
  readonly byStatus = new Map<number, number>();
  readonly inBucket = new Float64Array(buckets.length + 1);
  sumSeconds = 0;

  record(status: number, seconds: number): void {
    this.byStatus.set(status, (this.byStatus.get(status) ?? 0) + 1);
    let at = 0;
    while (at < buckets.length && seconds > (buckets[at] ?? 0)) at += 1;
    this.inBucket[at] = (this.inBucket[at] ?? 0) + 1;
    this.sumSeconds += seconds;
  }
}

/**
 * The counter and the histogram every request of a tier goes through. prom-client resolves labels at each call, which costs
 * more than all the rest; here it is done at the scrape. Made at the first call, shared after.
 */
export function requestSeries(registry: Registry, { prefix, label }: RequestSeriesOptions): RecordRequest {
  let byPrefix = known.get(registry);
  if (byPrefix === undefined) known.set(registry, (byPrefix = new Map()));
  const found = byPrefix.get(prefix);
  if (found !== undefined) return found;
  const series = new Map<string, Series>();
  const record: RecordRequest = (value, status, durationMs) => {
    let one = series.get(value);
    if (one === undefined) series.set(value, (one = new Series()));
    one.record(status, durationMs / 1_000);
  };
  register(registry, { name: `${prefix}_requests_total`, help: `Requests ended, by ${label} and status.`, type: 'counter', values: () => toCounts(series, label) });
  const histogram = `${prefix}_request_duration_seconds`;
  register(registry, { name: histogram, help: 'Time from head to end of answer.', type: 'histogram', values: () => toHistogram(series, label, histogram) });
  byPrefix.set(prefix, record);
  return record;
}

interface Registration {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'histogram';
  readonly values: () => Sample[];
}

function register(registry: Registry, { name, help, type, values }: Registration): void {
  const metric: ScrapedMetric = { name, get: async () => ({ name, help, type, aggregator: 'sum', values: values() }) };
  registry.registerMetric(metric as never);
}

function toCounts(series: ReadonlyMap<string, Series>, label: string): Sample[] {
  const samples: Sample[] = [];
  for (const [value, { byStatus }] of series) {
    for (const [status, count] of byStatus) samples.push({ labels: { [label]: value, status }, value: count });
  }
  return samples;
}

function toHistogram(series: ReadonlyMap<string, Series>, label: string, name: string): Sample[] {
  const samples: Sample[] = [];
  for (const [value, { inBucket, sumSeconds }] of series) {
    let count = 0;
    for (const [at, inThis] of inBucket.entries()) {
      count += inThis;
      samples.push({ metricName: `${name}_bucket`, labels: { le: buckets[at] ?? '+Inf', [label]: value }, value: count });
    }
    samples.push({ metricName: `${name}_sum`, labels: { [label]: value }, value: sumSeconds });
    samples.push({ metricName: `${name}_count`, labels: { [label]: value }, value: count });
  }
  return samples;
}

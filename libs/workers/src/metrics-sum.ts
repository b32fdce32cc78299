import { sumMetrics, type MetricSamples } from '@tidegate/observability';

/** Types of metrics that only grow. */
const staysCounted: ReadonlySet<string> = new Set(['counter', 'histogram']);

/**
 * Metrics of several processes as those of one: counters and histograms are sums, gauges as each says (`aggregator`).
 * What a process had counted when it was last looked at stays in the sums after it is gone, so they never fall.
 */
export class MetricsSum {
  readonly #lastSeen = new Map<string, readonly MetricSamples[]>();
  #ofThoseGone: readonly MetricSamples[] = [];
  #folded: Promise<void> = Promise.resolve();

  /** What a process counts now. */
  saw(process: string, metrics: readonly MetricSamples[]): void {
    this.#lastSeen.set(process, metrics);
  }

  /** The process is gone; the next of that name counts from zero. */
  lost(process: string): void {
    const kept = this.#lastSeen.get(process)?.filter(({ type }) => staysCounted.has(String(type))) ?? [];
    this.#lastSeen.delete(process);
    if (kept.length > 0) this.#folded = this.#folded.then(() => this.#fold(kept));
  }

  /** All of them, with `own` as one more process, as text for Prometheus. */
  async toText(own: readonly MetricSamples[]): Promise<string> {
    await this.#folded;
    return sumMetrics([own, ...this.#lastSeen.values(), this.#ofThoseGone]).metrics();
  }

  async #fold(metrics: readonly MetricSamples[]): Promise<void> {
    this.#ofThoseGone = await sumMetrics([this.#ofThoseGone, metrics]).getMetricsAsJSON();
  }
}

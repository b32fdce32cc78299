import { LimitMode, Reason, type Decision } from '@tidegate/grpc';
import { counter, gauge, histogram, type Counter, type Histogram, type Registry } from '@tidegate/observability';
import type { PreparedCheck, TakenCheck } from '@tidegate/rate-limit';

/** Most series of decisions per replica; the rest counts as `other` (limiter/F9). */
const seriesMax = 2_000;

/** How often counts move to the registry, in ms: a decision only adds to a map. */
const publishEveryMs = 1_000;

type DecisionLabel = 'policy' | 'limit' | 'mode' | 'result' | 'reason';

interface DecisionSeries {
  readonly labels: Record<DecisionLabel, string>;
  count: number;
}

/** What gauges read at each scrape. */
export interface LimiterGauges {
  readonly isDegraded: () => boolean;
  readonly replicas: () => number;
  readonly streams: () => number;
  readonly openChecks: () => number;
}

/** The limiter's metrics; labels come from the config alone, never from keys or attributes (limiter/F9). */
export class LimiterMetrics {
  readonly #decisions: Counter<DecisionLabel>;
  readonly #refusals: Counter<'code'>;
  readonly #storeLatency: Histogram<never>;
  readonly #batchSize: Histogram<never>;
  readonly #storeFailures: Counter<never>;
  readonly #refusedConfigs: Counter<never>;
  readonly #series = new Map<string, DecisionSeries>();
  readonly #timer: NodeJS.Timeout;

  constructor(registry: Registry, gauges: LimiterGauges) {
    const prefix = 'tidegate_limiter_';
    this.#decisions = counter(registry, { name: `${prefix}decisions_total`, help: 'Decisions by policy, bound limit, mode, result and reason.', labelNames: ['policy', 'limit', 'mode', 'result', 'reason'] });
    this.#refusals = counter(registry, { name: `${prefix}undecided_total`, help: 'Checks that were not decided, by code.', labelNames: ['code'] });
    this.#storeLatency = histogram(registry, { name: `${prefix}store_call_seconds`, help: 'Time of one store call.' });
    this.#batchSize = histogram(registry, { name: `${prefix}store_call_checks`, help: 'Checks in one store call.', buckets: [1, 2, 4, 8, 16, 32, 64] });
    this.#storeFailures = counter(registry, { name: `${prefix}store_failures_total`, help: 'Store calls that failed or were not answered in time.' });
    this.#refusedConfigs = counter(registry, { name: `${prefix}config_refused_total`, help: 'Policy sets that were refused; the last good one goes on.' });
    gauge(registry, { name: `${prefix}degraded`, help: '1 while decisions are made without the store.', collect() { this.set(gauges.isDegraded() ? 1 : 0); } });
    gauge(registry, { name: `${prefix}replicas`, help: 'Live replicas by heartbeat.', collect() { this.set(gauges.replicas()); } });
    gauge(registry, { name: `${prefix}open_streams`, help: 'Open StreamChecks calls.', collect() { this.set(gauges.streams()); } });
    gauge(registry, { name: `${prefix}open_checks`, help: 'Checks accepted and not yet answered.', collect() { this.set(gauges.openChecks()); } });
    this.#timer = setInterval(() => this.publish(), publishEveryMs).unref();
  }

  decided(decision: Decision): void {
    this.#add({ policy: decision.policy, limit: decision.boundLimit, mode: 'enforce', result: decision.allowed ? 'allowed' : 'denied', reason: Reason[decision.reason] ?? '' });
  }

  /** Counts what shadow limits would have denied. */
  decidedShadow({ policy, calls }: PreparedCheck, { fits }: TakenCheck): void {
    for (let index = 0; index < calls.length; index += 1) {
      const limit = calls[index]?.limit;
      if (limit === undefined || !limit.isShadow || (fits & (1 << index)) !== 0) continue;
      this.#add({ policy: policy.name, limit: limit.name, mode: shadowMode, result: 'denied', reason: 'LIMIT_EXCEEDED' });
    }
  }

  undecided(code: string): void {
    this.#refusals.inc({ code });
  }

  storeReplied(latencyMs: number, checks: number): void {
    this.#storeLatency.observe(latencyMs / 1_000);
    this.#batchSize.observe(checks);
  }

  storeFailed(): void {
    this.#storeFailures.inc();
  }

  configRefused(): void {
    this.#refusedConfigs.inc();
  }

  /** Moves the counts to the registry. */
  publish(): void {
    for (const series of this.#series.values()) {
      if (series.count === 0) continue;
      this.#decisions.inc(series.labels, series.count);
      series.count = 0;
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.publish();
  }

  #add(labels: Record<DecisionLabel, string>): void {
    const key = `${labels.policy}/${labels.limit}/${labels.mode}/${labels.result}/${labels.reason}`;
    const known = this.#series.get(key);
    if (known !== undefined) known.count += 1;
    else if (this.#series.size < seriesMax) this.#series.set(key, { labels, count: 1 });
    else this.#addOther();
  }

  #addOther(): void {
    const other = this.#series.get('other') ?? { labels: { policy: 'other', limit: 'other', mode: 'other', result: 'other', reason: 'other' }, count: 0 };
    other.count += 1;
    this.#series.set('other', other);
  }
}

const shadowMode = LimitMode[LimitMode.SHADOW].toLowerCase();

import { Reason, type Decision } from '@tidegate/grpc';
import { counter, gauge, histogram, type Counter, type Histogram, type Registry } from '@tidegate/observability';
import type { PreparedCheck, TakenCheck } from '@tidegate/rate-limit';

/** Most limits that are counted by name, which keeps decisions below 2,000 series; the rest counts as `other` (limiter/F9). */
const limitsMax = 500;
const other = 'other';
/** Reasons and both results. */
const outcomesMax = 2 * 16;

/** How often counts move to the registry, in ms: a decision only adds to a map. */
const publishEveryMs = 1_000;

type DecisionLabel = 'policy' | 'limit' | 'mode' | 'result' | 'reason';

/** Counts of one policy and limit, by outcome: 2 * reason, + 1 where it was allowed. */
interface LimitCounts {
  readonly policy: string;
  readonly limit: string;
  readonly byOutcome: Uint32Array;
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
  readonly #enforced = new Map<string, Map<string, LimitCounts>>();
  readonly #shadowed = new Map<string, Map<string, LimitCounts>>();
  #limits = 0;
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
    add(this.#count(this.#enforced, decision.policy, decision.boundLimit), toOutcome(decision.reason, decision.allowed));
  }

  /** Counts what shadow limits would have denied. */
  decidedShadow({ policy, calls }: PreparedCheck, { fits }: TakenCheck): void {
    for (let index = 0; index < calls.length; index += 1) {
      const limit = calls[index]?.limit;
      if (limit === undefined || !limit.isShadow || (fits & (1 << index)) !== 0) continue;
      add(this.#count(this.#shadowed, policy.name, limit.name), toOutcome(Reason.LIMIT_EXCEEDED, false));
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
    this.#publishMode(this.#enforced, 'enforce');
    this.#publishMode(this.#shadowed, 'shadow');
  }

  close(): void {
    clearInterval(this.#timer);
    this.publish();
  }

  #publishMode(counts: Map<string, Map<string, LimitCounts>>, mode: string): void {
    for (const byLimit of counts.values()) {
      for (const { policy, limit, byOutcome } of byLimit.values()) this.#publishLimit({ policy, limit, mode }, byOutcome);
    }
  }

  #publishLimit(labels: { policy: string; limit: string; mode: string }, byOutcome: Uint32Array): void {
    for (const [outcome, count] of byOutcome.entries()) {
      if (count === 0) continue;
      this.#decisions.inc({ ...labels, result: outcome % 2 === 1 ? 'allowed' : 'denied', reason: Reason[outcome >> 1] ?? '' }, count);
    }
    byOutcome.fill(0);
  }

  #count(counts: Map<string, Map<string, LimitCounts>>, policy: string, limit: string): LimitCounts {
    return counts.get(policy)?.get(limit) ?? this.#add(counts, policy, limit);
  }

  /** A limit has three reasons or so in practice; past the bound everything new counts as `other`. */
  #add(counts: Map<string, Map<string, LimitCounts>>, policy: string, limit: string): LimitCounts {
    if (this.#limits >= limitsMax && policy !== other) return this.#count(counts, other, other);
    this.#limits += 1;
    const added = { policy, limit, byOutcome: new Uint32Array(outcomesMax) };
    const byLimit = counts.get(policy) ?? new Map<string, LimitCounts>();
    counts.set(policy, byLimit.set(limit, added));
    return added;
  }
}

/** Place of an outcome among a limit's counts: two per reason, denied and allowed. */
const toOutcome = (reason: Reason, allowed: boolean): number => 2 * reason + (allowed ? 1 : 0);

function add({ byOutcome }: LimitCounts, outcome: number): void {
  byOutcome[outcome] = (byOutcome[outcome] ?? 0) + 1;
}

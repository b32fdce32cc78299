import { counter, gauge, histogram, type Counter, type Gauge, type Histogram, type Observability } from '@tidegate/observability';

/** What the consumer counts where it happens. */
export interface ConsumeMetrics {
  readonly unknownKinds: Counter;
  readonly clamped: Counter;
  readonly sequenceGaps: Counter;
  readonly skippedBatches: Counter<'why'>;
  readonly deadRecords: Counter;
  readonly lateness: Histogram;
  readonly lag: Gauge<'partition'>;
  onWritten(requests: number, others: number, seconds: number): void;
  onFailed(error: unknown): void;
}

/** Makes the metrics; a failed write shows in the health of the process until one succeeds. */
export function createConsumeMetrics({ registry, logger, health }: Observability): ConsumeMetrics {
  const events = counter(registry, { name: 'tidegate_analytics_events_total', help: 'Events written, by kind', labelNames: ['kind'] });
  const failures = counter(registry, { name: 'tidegate_analytics_write_failures_total', help: 'Transactions that failed and were repeated' });
  const duration = histogram(registry, { name: 'tidegate_analytics_write_seconds', help: 'Time of one transaction' });
  const check = 'analytics-store';
  let isFailing = false;
  health.set(check, true);
  return {
    unknownKinds: counter(registry, { name: 'tidegate_analytics_unknown_events_total', help: 'Events of a kind this version does not know, skipped' }),
    clamped: counter(registry, { name: 'tidegate_analytics_clamped_events_total', help: 'Events more than ten minutes ahead, or without a time, counted at arrival' }),
    sequenceGaps: counter(registry, { name: 'tidegate_analytics_missing_batches_total', help: 'Batches a producer numbered and that never came' }),
    skippedBatches: counter(registry, { name: 'tidegate_analytics_skipped_batches_total', help: 'Batches that came again', labelNames: ['why'] }),
    deadRecords: counter(registry, { name: 'tidegate_analytics_dead_records_total', help: 'Records set aside in tidegate.events.dead' }),
    lateness: histogram(registry, {
      name: 'tidegate_analytics_lateness_seconds',
      help: 'Arrival minus event time, of the first event of each batch',
      buckets: [0.1, 0.5, 1, 2, 5, 10, 60, 600, 3_600, 86_400],
    }),
    lag: gauge(registry, { name: 'tidegate_analytics_lag_records', help: 'Records behind the end of the partition', labelNames: ['partition'] }),
    onWritten: (requests, others, seconds) => {
      events.inc({ kind: 'request' }, requests);
      events.inc({ kind: 'other' }, others);
      duration.observe(seconds);
      health.set(check, true);
      isFailing = false;
    },
    onFailed: (error) => {
      failures.inc();
      health.set(check, false, 'the store cannot be written');
      // Once, not at every attempt.
      if (!isFailing) logger.error({ err: error }, 'analytics: the store cannot be written; ingest waits and tries again');
      isFailing = true;
    },
  };
}

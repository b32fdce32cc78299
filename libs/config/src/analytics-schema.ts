import { byteSize, durationMs } from '@tidegate/units';
import { z } from 'zod';

/** The `analytics` part of tidegate.yaml: where events are kept, for how long, and what a question may cost. */
export interface AnalyticsConfig {
  readonly store: { readonly kind: 'duckdb'; readonly file: string };
  /** Bounds of the raw window; the older rows go first, minute rows stay. */
  readonly raw: { readonly keepMs: number; readonly bytesMax: number };
  readonly minutes: { readonly keepMs: number };
  /** Kafka consumer group; its committed offsets are advisory (analytics/N4). */
  readonly consumerGroup: string;
  /** A query that takes longer is stopped. */
  readonly queryTimeoutMs: number;
  /** What the store may use for its cache and for sorting before it spills to disk. */
  readonly memoryBytesMax: number;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const mebibyte = 1024 ** 2;

const store = z.strictObject({ duckdb: z.string().min(1) }).transform(({ duckdb }) => ({ kind: 'duckdb' as const, file: duckdb }));

const raw = z
  .strictObject({
    keep: durationMs(minuteMs, 366 * dayMs).default(dayMs),
    maxBytes: byteSize(16 * mebibyte, 1024 ** 4).default(2048 * mebibyte),
  })
  .transform(({ keep, maxBytes }) => ({ keepMs: keep, bytesMax: maxBytes }));

const minutes = z
  .strictObject({ keep: durationMs(hourMs, 366 * dayMs).default(30 * dayMs) })
  .transform(({ keep }) => ({ keepMs: keep }));

/** Schema of the `analytics` part. */
export const analyticsSchema = z
  .strictObject({
    store: store.default({ kind: 'duckdb', file: '.tidegate/analytics.duckdb' }),
    raw: raw.default({ keepMs: dayMs, bytesMax: 2048 * mebibyte }),
    minutes: minutes.default({ keepMs: 30 * dayMs }),
    consumerGroup: z.string().regex(/^[A-Za-z0-9._-]{1,200}$/, 'expected A-Z a-z 0-9 . _ -').default('tidegate-analytics'),
    queryTimeout: durationMs(100, 10_000).default(10_000),
    memory: byteSize(128 * mebibyte, 1024 ** 4).default(512 * mebibyte),
  })
  .transform(
    ({ queryTimeout, memory, ...rest }): AnalyticsConfig => ({ ...rest, queryTimeoutMs: queryTimeout, memoryBytesMax: memory }),
  );

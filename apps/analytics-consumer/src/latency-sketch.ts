/** Ratio of two neighbouring bucket bounds; a quantile is off by at most (γ-1)/(γ+1) < 1 %. */
export const gamma = 1.02;

const lnGamma = Math.log(gamma);

/** Highest bucket: about 36 hours. Longer durations are counted there. */
export const bucketMax = 1_300;

/** Bucket of a duration in microseconds: bucket i holds (γ^(i-1), γ^i], bucket 0 everything up to 1 µs. */
export function bucketOf(durationUs: number): number {
  if (!(durationUs > 1)) return 0;
  return Math.min(bucketMax, Math.ceil(Math.log(durationUs) / lnGamma));
}

/** The same in SQL, over a column of whole microseconds. */
export const bucketSql = (column: string): string =>
  `CASE WHEN ${column} <= 1 THEN 0 ELSE least(${bucketMax}, ceil(ln(${column}) / ${lnGamma})) END::SMALLINT`;

/** The value in microseconds that stands for a bucket: equally far, as a ratio, from both bounds. */
export function bucketValueUs(bucket: number): number {
  return bucket === 0 ? 1 : (2 * gamma ** bucket) / (gamma + 1);
}

/** The quantiles the API answers with. */
export const quantiles = [0.5, 0.9, 0.95, 0.99] as const;

/** Latency quantiles in milliseconds, by nearest rank; null where nothing was counted. */
export interface LatencyQuantiles {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/**
 * SQL that reduces (keys..., bucket, requests) rows to one row per key with the bucket of each quantile as p50..p99.
 * Sketches merge by adding counts per bucket, so any span and any set of routes can be asked for.
 * @param source a FROM clause with its WHERE
 * @param keys column expressions to group by, each with an alias `key0`, `key1`, ...
 */
export function quantileSql(source: string, keys: readonly string[]): string {
  const names = keys.map((_, at) => `key${at}`);
  const selected = [...keys.map((key, at) => `${key} AS key${at}`), 'bucket', 'sum(requests)::BIGINT AS n'].join(', ');
  const window = names.length === 0 ? '' : `PARTITION BY ${names.join(', ')}`;
  const columns = quantiles.map((q) => `min(bucket) FILTER (WHERE upto >= ceil(${q} * total)) AS p${Math.round(q * 100)}`);
  return (
    `WITH merged AS (SELECT ${selected} FROM ${source} GROUP BY ALL), ` +
    `ranked AS (SELECT *, sum(n) OVER (${window} ORDER BY bucket) AS upto, sum(n) OVER (${window}) AS total FROM merged) ` +
    `SELECT ${[...names, ...columns].join(', ')} FROM ranked ${names.length === 0 ? '' : `GROUP BY ${names.join(', ')}`}`
  );
}

/** A row of `quantileSql` as milliseconds with three decimals. */
export function toQuantiles(row: Readonly<Record<string, unknown>> | undefined): LatencyQuantiles {
  return { p50: toMs(row?.['p50']), p90: toMs(row?.['p90']), p95: toMs(row?.['p95']), p99: toMs(row?.['p99']) };
}

function toMs(bucket: unknown): number | null {
  if (bucket === undefined || bucket === null) return null;
  return Number((bucketValueUs(Number(bucket)) / 1_000).toPrecision(4));
}

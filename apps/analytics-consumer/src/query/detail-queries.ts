import { bucketSql, quantileSql, toQuantiles, type LatencyQuantiles } from '../latency-sketch.js';
import { Conditions } from './conditions.js';
import { minuteText, toMinuteRange, toStepMinutes, type MinuteRange, type Parameters } from './parameters.js';
import type { Readers } from './readers.js';
import { querySeries, querySummary, type Point, type Summary } from './route-queries.js';
import { toClientTotals } from './top-queries.js';

/** One route: its summary, its series, and its busiest clients as far as the raw window goes back. */
export interface RouteDetail extends Summary {
  readonly route: string;
  readonly points: readonly Point[];
  readonly clients: readonly Readonly<Record<string, unknown>>[];
}

/** One client's counts; with what the raw window alone knows where it covers the span. */
export interface ClientDetail {
  readonly client: string;
  readonly from: string;
  readonly to: string;
  /** `raw`: exact. `minutes`: without the minutes in which the client was not among the 10,000 busiest. */
  readonly source: 'raw' | 'minutes';
  readonly totals: Readonly<Record<string, number>>;
  readonly points: readonly Readonly<Record<string, unknown>>[];
  readonly statuses?: Readonly<Record<string, number>>;
  readonly routes?: Readonly<Record<string, number>>;
  readonly limits?: readonly Readonly<Record<string, unknown>>[];
  readonly latencyMs?: LatencyQuantiles;
}

type DetailQuery = Omit<Parameters<'client'>, 'format'>;

/** What is known of one route. */
export async function queryRoute(readers: Readers, route: string, { query, nowMs }: { query: DetailQuery; nowMs: number }): Promise<RouteDetail> {
  const range = toMinuteRange(query, nowMs);
  const where = new Conditions().minutes(range).equals('route', route);
  const [summary, points, clients] = await Promise.all([
    querySummary(readers, { from: query.from, to: query.to, route }, nowMs),
    querySeries(readers, { ...query, route }, nowMs),
    readers.rows(
      `SELECT principal, count(*) AS requests, count(*) FILTER (WHERE denied) AS denied FROM requests JOIN shapes USING (shape) ${where.sql} ` +
        'GROUP BY principal ORDER BY requests DESC, principal LIMIT 10',
      where.values,
    ),
  ]);
  const top = clients.map((row) => ({ client: row['principal'], requests: Number(row['requests']), denied: Number(row['denied']) }));
  return { route, ...summary, points, clients: top };
}

/** What is known of one client. */
export async function queryClient(readers: Readers, client: string, { query, nowMs }: { query: DetailQuery; nowMs: number }): Promise<ClientDetail> {
  const range = toMinuteRange(query, nowMs);
  const step = toStepMinutes(query.step, range);
  const head = { client, from: minuteText(range.fromMinute), to: minuteText(range.toMinute) };
  const isRaw = await coversRaw(readers, range);
  const where = new Conditions().minutes(range).equals('principal', client);
  const source = isRaw ? rawSource : minuteSource;
  const [[totals], points, raw] = await Promise.all([
    readers.rows(`SELECT ${source.sums} FROM ${source.from} ${where.sql}`, where.values),
    readers.rows(`SELECT (minute // ${step}) * ${step} AS start, ${source.sums} FROM ${source.from} ${where.sql} GROUP BY start ORDER BY start`, where.values),
    isRaw ? queryRawParts(readers, where) : {},
  ]);
  return {
    ...head,
    source: isRaw ? 'raw' : 'minutes',
    totals: toClientTotals(totals ?? {}),
    points: points.map((row) => ({ at: minuteText(Number(row['start'])), ...toClientTotals(row) })),
    ...raw,
  };
}

const rawSource = {
  from: 'requests JOIN shapes USING (shape)',
  sums:
    'count(*) AS requests, count(*) FILTER (WHERE denied) AS denied, ' +
    'count(*) FILTER (WHERE NOT denied AND status BETWEEN 400 AND 499) AS client_errors, count(*) FILTER (WHERE NOT denied AND status >= 500) AS errors',
};

const minuteSource = {
  from: 'client_minutes',
  sums: 'sum(requests)::BIGINT AS requests, sum(denied)::BIGINT AS denied, sum(client_errors)::BIGINT AS client_errors, sum(server_errors)::BIGINT AS errors',
};

/** Whether the raw window still has every request of the span. */
async function coversRaw(readers: Readers, range: MinuteRange): Promise<boolean> {
  const where = new Conditions().minutes(range);
  const [row] = await readers.rows(
    `SELECT (SELECT count(*) FROM requests ${where.sql}) >= coalesce((SELECT sum(requests) FROM route_minutes ${where.sql}), 0) AS covered`,
    [...where.values, ...where.values],
  );
  return row?.['covered'] === true;
}

async function queryRawParts(readers: Readers, where: Conditions): Promise<Pick<ClientDetail, 'statuses' | 'routes' | 'limits' | 'latencyMs'>> {
  const count = async (column: string): Promise<Record<string, number>> => {
    const rows = await readers.rows(`SELECT ${column} AS key0, count(*) AS n FROM ${rawSource.from} ${where.sql} GROUP BY key0 ORDER BY n DESC, key0`, where.values);
    return Object.fromEntries(rows.map((row) => [String(row['key0']), Number(row['n'])]));
  };
  const [statuses, routes, limits, [latency]] = await Promise.all([
    count('status'),
    count('route'),
    readers.rows(
      `SELECT policy, bound_limit, count(*) AS requests, count(*) FILTER (WHERE denied) AS denied FROM ${rawSource.from} ${where.sql} AND policy <> '' ` +
        'GROUP BY ALL ORDER BY denied DESC, policy, bound_limit',
      where.values,
    ),
    readers.rows(quantileSql(`(SELECT ${bucketSql('duration_us')} AS bucket, 1 AS requests FROM requests ${where.sql})`, []), where.values),
  ]);
  return {
    statuses,
    routes,
    limits: limits.map((row) => ({ policy: row['policy'], limit: row['bound_limit'], requests: Number(row['requests']), denied: Number(row['denied']) })),
    latencyMs: toQuantiles(latency),
  };
}

import { quantileSql, toQuantiles, type LatencyQuantiles } from '../latency-sketch.js';
import { Conditions } from './conditions.js';
import { minuteText, toMinuteRange, toStepMinutes, type MinuteRange, type Parameters } from './parameters.js';
import type { Readers, Row } from './readers.js';

/** Sums of a set of requests. */
export interface Totals {
  readonly requests: number;
  /** Refused by the limiter. */
  readonly denied: number;
  /** Answered 5xx, not by the limiter. */
  readonly errors: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly meanMs: number | null;
}

/** What all requests of a span come to. */
export interface Summary {
  readonly from: string;
  readonly to: string;
  readonly totals: Totals;
  readonly statuses: Readonly<Record<string, number>>;
  readonly classes: Readonly<Record<string, number>>;
  readonly latencyMs: LatencyQuantiles;
  readonly groups?: readonly Group[];
}

/** The same for one value of the group. */
export interface Group {
  readonly key: string;
  readonly totals: Totals;
  readonly latencyMs: LatencyQuantiles;
}

/** One point of a series; points without requests are left out. */
export interface Point {
  readonly at: string;
  readonly key?: string;
  readonly totals: Totals;
  readonly latencyMs: LatencyQuantiles;
}

type RouteFilters = Pick<Parameters<'summary'>, 'route' | 'service' | 'status'>;

const groupColumns = { route: 'route', service: 'service', status: 'status', class: "(status // 100)::VARCHAR || 'xx'" } as const;

const totalsSql =
  'sum(requests)::BIGINT AS requests, sum(denied)::BIGINT AS denied, coalesce(sum(requests - denied) FILTER (WHERE status >= 500), 0)::BIGINT AS errors, ' +
  'sum(request_bytes)::BIGINT AS request_bytes, sum(response_bytes)::BIGINT AS response_bytes, sum(duration_us)::BIGINT AS duration_us';

const toConditions = (range: MinuteRange, { route, service, status }: RouteFilters): Conditions =>
  new Conditions().minutes(range).equals('route', route).equals('service', service).status(status);

/** Totals, statuses and latency quantiles of a span, all from the route tables. */
export async function querySummary(readers: Readers, query: Omit<Parameters<'summary'>, 'format'>, nowMs: number): Promise<Summary> {
  const range = toMinuteRange(query, nowMs);
  const where = toConditions(range, query);
  const [byStatus, [latency], groups] = await Promise.all([
    readers.rows(`SELECT status, ${totalsSql} FROM route_minutes ${where.sql} GROUP BY status ORDER BY status`, where.values),
    readers.rows(quantileSql(`route_latencies ${where.sql}`, []), where.values),
    query.group === undefined ? undefined : queryGroups(readers, where, groupColumns[query.group]),
  ]);
  const classes: Record<string, number> = {};
  for (const row of byStatus) {
    const name = `${Math.floor(Number(row['status']) / 100)}xx`;
    classes[name] = (classes[name] ?? 0) + Number(row['requests']);
  }
  return {
    from: minuteText(range.fromMinute),
    to: minuteText(range.toMinute),
    totals: toTotals(addRows(byStatus)),
    statuses: Object.fromEntries(byStatus.map((row) => [String(row['status']), Number(row['requests'])])),
    classes,
    latencyMs: toQuantiles(latency),
    ...(groups === undefined ? {} : { groups }),
  };
}

async function queryGroups(readers: Readers, where: Conditions, column: string): Promise<Group[]> {
  const [rows, latencies] = await Promise.all([
    readers.rows(`SELECT ${column} AS key0, ${totalsSql} FROM route_minutes ${where.sql} GROUP BY key0 ORDER BY requests DESC, key0 LIMIT 1000`, where.values),
    readers.rows(quantileSql(`route_latencies ${where.sql}`, [column]), where.values),
  ]);
  const byKey = new Map(latencies.map((row) => [String(row['key0']), row]));
  return rows.map((row) => ({ key: String(row['key0']), totals: toTotals(row), latencyMs: toQuantiles(byKey.get(String(row['key0']))) }));
}

/** Totals and latency quantiles per step, and per value of the group where asked. */
export async function querySeries(readers: Readers, query: Omit<Parameters<'series'>, 'format'>, nowMs: number): Promise<Point[]> {
  const range = toMinuteRange(query, nowMs);
  const step = toStepMinutes(query.step, range);
  const where = toConditions(range, query);
  const keys = [`(minute // ${step}) * ${step}`, ...(query.group === undefined ? [] : [groupColumns[query.group]])];
  const names = keys.map((_, at) => `key${at}`).join(', ');
  const [rows, latencies] = await Promise.all([
    readers.rows(`SELECT ${keys.map((key, at) => `${key} AS key${at}`).join(', ')}, ${totalsSql} FROM route_minutes ${where.sql} GROUP BY ${names} ORDER BY ${names}`, where.values),
    readers.rows(quantileSql(`route_latencies ${where.sql}`, keys), where.values),
  ]);
  const idOf = (row: Row): string => `${String(row['key0'])}/${String(row['key1'])}`;
  const byId = new Map(latencies.map((row) => [idOf(row), row]));
  return rows.map((row) => ({
    at: minuteText(Number(row['key0'])),
    ...(query.group === undefined ? {} : { key: String(row['key1']) }),
    totals: toTotals(row),
    latencyMs: toQuantiles(byId.get(idOf(row))),
  }));
}

const summed = ['requests', 'denied', 'errors', 'request_bytes', 'response_bytes', 'duration_us'];

function addRows(rows: readonly Row[]): Row {
  return Object.fromEntries(summed.map((name) => [name, rows.reduce((sum, row) => sum + Number(row[name]), 0)]));
}

function toTotals(row: Row): Totals {
  const requests = Number(row['requests']);
  return {
    requests,
    denied: Number(row['denied']),
    errors: Number(row['errors']),
    requestBytes: Number(row['request_bytes']),
    responseBytes: Number(row['response_bytes']),
    meanMs: requests === 0 ? null : Number((Number(row['duration_us']) / requests / 1_000).toPrecision(4)),
  };
}

import { Conditions } from './conditions.js';
import { toMinuteRange, minuteText, type Parameters } from './parameters.js';
import { otherClients } from '../rollup.js';
import { querySummary } from './route-queries.js';
import type { Readers, Row } from './readers.js';

/** One page of a top list. */
export interface TopPage {
  readonly from: string;
  readonly to: string;
  readonly by: 'route' | 'client' | 'limit';
  readonly items: readonly Readonly<Record<string, unknown>>[];
  /** Clients that were not among the 10,000 busiest of a minute, together. */
  readonly other?: Readonly<Record<string, unknown>>;
  /** `cursor` of the next page; null on the last. */
  readonly next: number | null;
}

type TopQuery = Omit<Parameters<'top'>, 'format'>;

const clientSums =
  'sum(requests)::BIGINT AS requests, sum(denied)::BIGINT AS denied, sum(client_errors)::BIGINT AS client_errors, ' +
  'sum(server_errors)::BIGINT AS errors';

/** The busiest, or most denied, or most failing routes, clients or limits of a span. */
export async function queryTop(readers: Readers, query: TopQuery, nowMs: number): Promise<TopPage> {
  const range = toMinuteRange(query, nowMs);
  const head = { from: minuteText(range.fromMinute), to: minuteText(range.toMinute), by: query.by };
  if (query.by === 'route') return { ...head, ...(await topRoutes(readers, query, nowMs)) };
  const where = new Conditions().minutes(range);
  return { ...head, ...(query.by === 'client' ? await topClients(readers, query, where) : await topLimits(readers, query, where)) };
}

type Page = Pick<TopPage, 'items' | 'next' | 'other'>;

async function topRoutes(readers: Readers, query: TopQuery, nowMs: number): Promise<Page> {
  const { groups = [] } = await querySummary(readers, { from: query.from, to: query.to, group: 'route' }, nowMs);
  const sorted = [...groups].sort((a, b) => b.totals[query.sort] - a.totals[query.sort] || (a.key < b.key ? -1 : 1));
  const page = sorted.slice(query.cursor, query.cursor + query.pageSize);
  const items = page.map(({ key, totals, latencyMs }) => ({ route: key, ...totals, latencyMs }));
  return { items, next: nextOf(query, sorted.length) };
}

async function topClients(readers: Readers, query: TopQuery, where: Conditions): Promise<Page> {
  const [rows, [other]] = await Promise.all([
    pageOf(readers, query, `SELECT principal, ${clientSums} FROM client_minutes ${where.sql} AND principal <> '${otherClients}' GROUP BY principal`, where),
    readers.rows(`SELECT ${clientSums} FROM client_minutes ${where.sql} AND principal = '${otherClients}' HAVING count(*) > 0`, where.values),
  ]);
  return {
    items: rows.items.map((row) => ({ client: row['principal'], ...toClientTotals(row) })),
    next: rows.next,
    ...(other === undefined ? {} : { other: toClientTotals(other) }),
  };
}

async function topLimits(readers: Readers, query: TopQuery, where: Conditions): Promise<Page> {
  const sums = 'sum(requests)::BIGINT AS requests, sum(denied)::BIGINT AS denied, sum(degraded)::BIGINT AS degraded, 0 AS errors';
  const sql = `SELECT policy, bound_limit, ${sums} FROM limit_minutes ${where.sql} GROUP BY policy, bound_limit`;
  const { items, next } = await pageOf(readers, query, sql, where);
  const toItem = (row: Row) => ({
    policy: row['policy'],
    limit: row['bound_limit'],
    requests: Number(row['requests']),
    denied: Number(row['denied']),
    degraded: Number(row['degraded']),
  });
  return { items: items.map(toItem), next };
}

// The parameters are a page's four parts.
// oxlint-disable-next-line eslint/max-params
async function pageOf(readers: Readers, { sort, cursor, pageSize }: TopQuery, sql: string, where: Conditions): Promise<{ items: Row[]; next: number | null }> {
  const rows = await readers.rows(`${sql} ORDER BY ${sort} DESC, 1, 2 LIMIT ${pageSize + 1} OFFSET ${cursor}`, where.values);
  return { items: rows.slice(0, pageSize), next: rows.length > pageSize ? cursor + pageSize : null };
}

const nextOf = ({ cursor, pageSize }: TopQuery, total: number): number | null => (cursor + pageSize < total ? cursor + pageSize : null);

/** Counts of one client: `allowed` is what the limiter let through, whatever became of it. */
export function toClientTotals(row: Row): Readonly<Record<string, number>> {
  const requests = Number(row['requests'] ?? 0);
  const denied = Number(row['denied'] ?? 0);
  return { requests, allowed: requests - denied, denied, clientErrors: Number(row['client_errors'] ?? 0), serverErrors: Number(row['errors'] ?? 0) };
}

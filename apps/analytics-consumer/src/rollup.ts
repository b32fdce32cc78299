import type { DuckDBConnection } from '@duckdb/node-api';
import type { Clock } from '@tidegate/units';
import { inTransaction } from './in-transaction.js';
import { bucketSql } from './latency-sketch.js';
import { runPrepared } from './run-prepared.js';
import type { Sink } from './sink.js';
import { minuteTables, type MinuteTable } from './store-schema.js';

/** Clients kept by name per minute; the rest is one row, `~other` (analytics/N6). */
export const clientsPerMinuteMax = 10_000;

/** The principal all others of a minute are counted under. */
export const otherClients = '~other';

/** Minutes younger than this are still filled: they are compacted later. */
const openMinutes = 2;

/** Minutes compacted in one transaction. */
const minutesPerCompaction = 60;

const minuteMs = 60_000;

export interface RollupOptions {
  readonly sink: Sink;
  readonly clock: Clock;
  readonly clientsMax?: number;
}

/** Keeps the minute tables: they are made from the raw rows alone, each row once. */
export interface Rollup {
  /** Adds the rows written since the last call to the minute tables; true when there were any. */
  run(): Promise<boolean>;
  /** Merges the rows of closed minutes into one per key and keeps the busiest clients of each. Returns the minutes merged. */
  compact(): Promise<number>;
}

/** The rows since the last rollup, counted by numbers alone; names are looked up for the few rows that remain. */
const freshTable =
  'CREATE TEMP TABLE IF NOT EXISTS fresh (minute INTEGER, shape INTEGER, bucket SMALLINT, requests BIGINT, request_bytes BIGINT, response_bytes BIGINT, duration_us BIGINT)';

const freshSql =
  `INSERT INTO fresh SELECT minute, shape, ${bucketSql('duration_us')} AS bucket, count(*), sum(request_bytes), sum(response_bytes), sum(duration_us) ` +
  'FROM requests WHERE flush > $1 AND flush <= $2 GROUP BY ALL';

const namesSql = 'FROM fresh JOIN shapes USING (shape)';

/** What each table gets: $1 is the last flush of this rollup, $2 that of the one before. */
const insertSql: Readonly<Record<MinuteTable, string>> = {
  route_minutes:
    'SELECT minute, route, service, status, sum(requests), coalesce(sum(requests) FILTER (WHERE denied), 0), sum(request_bytes), sum(response_bytes), ' +
    `sum(duration_us), $1::INTEGER ${namesSql} GROUP BY minute, route, service, status`,
  route_latencies: `SELECT minute, route, service, status, bucket, sum(requests), $1::INTEGER ${namesSql} GROUP BY minute, route, service, status, bucket`,
  // Requests no policy was asked about are not counted by limit.
  limit_minutes:
    'SELECT minute, policy, bound_limit, sum(requests), coalesce(sum(requests) FILTER (WHERE denied), 0), coalesce(sum(requests) FILTER (WHERE degraded), 0), ' +
    `$1::INTEGER ${namesSql} WHERE policy <> '' GROUP BY minute, policy, bound_limit`,
  client_minutes:
    'SELECT minute, principal, count(*), count(*) FILTER (WHERE denied), count(*) FILTER (WHERE NOT denied AND status BETWEEN 400 AND 499), ' +
    'count(*) FILTER (WHERE NOT denied AND status >= 500), $1::INTEGER FROM requests JOIN shapes USING (shape) ' +
    'WHERE flush > $2 AND flush <= $1 GROUP BY minute, principal',
};

const tables = Object.keys(minuteTables) as MinuteTable[];

/** Makes the rollup of a sink's rows. */
export function createRollup({ sink, clock, clientsMax = clientsPerMinuteMax }: RollupOptions): Rollup {
  let rolledUp = -1;
  return {
    run: () => {
      if (rolledUp === sink.lastFlush) return Promise.resolve(false);
      return sink.exclusive(async (connection) => {
        const upTo = sink.lastFlush;
        await connection.run(freshTable);
        await inTransaction(connection, () => rollUp(connection, upTo));
        rolledUp = upTo;
        return true;
      });
    },
    compact: () =>
      sink.exclusive(async (connection) => {
        const closed = Math.floor(clock.nowMs() / minuteMs) - openMinutes;
        const minutes = await openParts(connection, closed);
        if (minutes.length > 0) await inTransaction(connection, () => compactMinutes(connection, minutes, clientsMax));
        return minutes.length;
      }),
  };
}

async function rollUp(connection: DuckDBConnection, upTo: number): Promise<void> {
  const reader = await connection.runAndReadAll('FROM rolled_up');
  const last = Number(reader.getRowsJson()[0]?.[0]);
  await runPrepared(connection, freshSql, [last, upTo]);
  for (const table of tables) {
    const sql = insertSql[table];
    await runPrepared(connection, `INSERT INTO ${table} ${sql}`, sql.includes('$2') ? [upTo, last] : [upTo]);
  }
  await runPrepared(connection, 'DELETE FROM fresh', []);
  await runPrepared(connection, 'UPDATE rolled_up SET flush = $1', [upTo]);
}

/** Minutes that are closed and still in parts, oldest first. */
async function openParts(connection: DuckDBConnection, closed: number): Promise<number[]> {
  const reader = await connection.runAndReadAll(
    `SELECT DISTINCT minute FROM route_minutes WHERE part > 0 AND minute <= ${closed} ORDER BY minute LIMIT ${minutesPerCompaction}`,
  );
  return reader.getRowsJson().map(([minute]) => Number(minute));
}

async function compactMinutes(connection: DuckDBConnection, minutes: readonly number[], clientsMax: number): Promise<void> {
  const list = minutes.join(', ');
  for (const table of tables) {
    const { keys, sums } = minuteTables[table];
    const added = sums.map((sum) => `sum(${sum})::BIGINT AS ${sum}`).join(', ');
    const merged = `SELECT ${keys.join(', ')}, ${added} FROM ${table} WHERE minute IN (${list}) GROUP BY ALL`;
    const kept = table === 'client_minutes' ? busiestSql(merged, clientsMax) : merged;
    await connection.run(`CREATE OR REPLACE TEMP TABLE compacted AS ${kept}`);
    await connection.run(`DELETE FROM ${table} WHERE minute IN (${list})`);
    await connection.run(`INSERT INTO ${table} SELECT *, 0 FROM compacted ORDER BY ALL`);
  }
  await connection.run('DROP TABLE compacted');
}

/** The busiest clients of each minute by name, all others added up. */
function busiestSql(merged: string, clientsMax: number): string {
  const { sums } = minuteTables.client_minutes;
  const added = sums.map((sum) => `sum(${sum})::BIGINT AS ${sum}`).join(', ');
  const place = `row_number() OVER (PARTITION BY minute ORDER BY principal = '${otherClients}', requests DESC, principal)`;
  const named = `SELECT * REPLACE (CASE WHEN place > ${clientsMax} THEN '${otherClients}' ELSE principal END AS principal) FROM (SELECT *, ${place} AS place FROM (${merged}))`;
  return `SELECT minute, principal, ${added} FROM (${named}) GROUP BY minute, principal`;
}

import type { DuckDBConnection } from '@duckdb/node-api';
import { requestBuffers } from './request-columns.js';
import { shapeColumns } from './shapes.js';

/** Raised when a table changes; a file of another version is refused. */
export const schemaVersion = 1;

const columns = (list: readonly (readonly [string, string])[]): string => list.map(([name, type]) => `${name} ${type}`).join(', ');

/** Columns of the tables made of minutes. `part` is the rollup a row came from, 0 once the minute was compacted. */
export const minuteTables = {
  route_minutes: {
    keys: ['minute', 'route', 'service', 'status'],
    sums: ['requests', 'denied', 'request_bytes', 'response_bytes', 'duration_us'],
  },
  route_latencies: { keys: ['minute', 'route', 'service', 'status', 'bucket'], sums: ['requests'] },
  client_minutes: { keys: ['minute', 'principal'], sums: ['requests', 'denied', 'client_errors', 'server_errors'] },
  limit_minutes: { keys: ['minute', 'policy', 'bound_limit'], sums: ['requests', 'denied', 'degraded'] },
} as const;

/** Name of a minute table. */
export type MinuteTable = keyof typeof minuteTables;

const keyTypes: Readonly<Record<string, string>> = { minute: 'INTEGER', status: 'SMALLINT', bucket: 'SMALLINT' };

function createMinuteTable(name: MinuteTable): string {
  const { keys, sums } = minuteTables[name];
  const all = [...keys.map((key) => [key, keyTypes[key] ?? 'VARCHAR'] as const), ...sums.map((sum) => [sum, 'BIGINT'] as const)];
  return `CREATE TABLE IF NOT EXISTS ${name} (${columns(all)}, part INTEGER)`;
}

const statements = [
  'CREATE TABLE IF NOT EXISTS store_version (version INTEGER)',
  // Up to where each partition of a topic, and each producer in a partition, is in the tables (analytics/N4).
  'CREATE TABLE IF NOT EXISTS positions (topic VARCHAR, part INTEGER, record_offset BIGINT)',
  'CREATE TABLE IF NOT EXISTS sequences (producer VARCHAR, part INTEGER, sequence BIGINT, at_ms BIGINT)',
  // Rows of a greater flush than this are not in the minute tables yet.
  'CREATE TABLE IF NOT EXISTS rolled_up (flush INTEGER)',
  `CREATE TABLE IF NOT EXISTS shapes (shape INTEGER, ${columns(Object.entries(shapeColumns))})`,
  `CREATE TABLE IF NOT EXISTS requests (${columns(Object.entries(requestBuffers).map(([name, { type }]) => [name, String(type)]))})`,
  'CREATE TABLE IF NOT EXISTS other_events (at_us BIGINT, kind VARCHAR, id VARCHAR, app VARCHAR, instance VARCHAR, config_version VARCHAR, detail VARCHAR, flush INTEGER)',
  ...(Object.keys(minuteTables) as MinuteTable[]).map(createMinuteTable),
];

/** Makes the tables that are not there. Throws when the file was written by another version. */
export async function createSchema(connection: DuckDBConnection): Promise<void> {
  await connection.run('BEGIN');
  for (const statement of statements) await connection.run(statement);
  await connection.run(`INSERT INTO store_version SELECT ${schemaVersion} WHERE NOT EXISTS (FROM store_version)`);
  await connection.run('INSERT INTO rolled_up SELECT 0 WHERE NOT EXISTS (FROM rolled_up)');
  await connection.run('COMMIT');
  const reader = await connection.runAndReadAll('SELECT version FROM store_version');
  const version = reader.getRowsJson()[0]?.[0];
  if (version !== schemaVersion) throw new Error(`its tables are of version ${Number(version)}, this program writes version ${schemaVersion}`);
}

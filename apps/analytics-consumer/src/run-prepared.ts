import type { DuckDBConnection, DuckDBPreparedStatement, DuckDBValue } from '@duckdb/node-api';

const statements = new WeakMap<DuckDBConnection, Map<string, DuckDBPreparedStatement>>();

/** Runs a statement that is run again and again: parsed and planned once per connection. */
export async function runPrepared(connection: DuckDBConnection, sql: string, values: readonly DuckDBValue[]): Promise<void> {
  let known = statements.get(connection);
  if (known === undefined) {
    known = new Map();
    statements.set(connection, known);
  }
  let statement = known.get(sql);
  if (statement === undefined) {
    statement = await connection.prepare(sql);
    known.set(sql, statement);
  }
  statement.bind([...values]);
  await statement.run();
}

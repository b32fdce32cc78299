import type { DuckDBConnection } from '@duckdb/node-api';

/** Runs statements as one transaction. */
export async function inTransaction(connection: DuckDBConnection, work: () => Promise<void>): Promise<void> {
  await connection.run('BEGIN');
  try {
    await work();
    await connection.run('COMMIT');
  } catch (error) {
    // After a failed COMMIT there is no transaction left to roll back.
    await connection.run('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

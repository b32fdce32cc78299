import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import type { Store } from '../open-store.js';

/** A row as an object; 64-bit numbers are texts. */
export type Row = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** A query that was not answered: too slow, or too many at once. */
export class QueryRefused extends Error {
  override readonly name = 'QueryRefused';
  readonly why: 'too-slow' | 'too-many';

  constructor(why: 'too-slow' | 'too-many') {
    super(`query refused: ${why}`);
    this.why = why;
  }
}

/** Connections that only read. */
export interface Readers {
  /** Runs one statement with its values; throws QueryRefused past the time or when too many wait. */
  rows(sql: string, values?: readonly DuckDBValue[]): Promise<Row[]>;
  close(): Promise<void>;
}

export interface ReadersOptions {
  readonly store: Store;
  readonly timeoutMs: number;
  readonly connections?: number;
}

const waitingMax = 64;

/** Opens the reading side of the store: a few connections, each for one query at a time. */
export async function createReaders({ store, timeoutMs, connections = 2 }: ReadersOptions): Promise<Readers> {
  const all = await Promise.all(Array.from({ length: connections }, () => store.connect()));
  const idle = [...all];
  const waiting: ((connection: DuckDBConnection) => void)[] = [];
  const take = (): Promise<DuckDBConnection> => {
    const connection = idle.pop();
    if (connection !== undefined) return Promise.resolve(connection);
    if (waiting.length >= waitingMax) return Promise.reject(new QueryRefused('too-many'));
    return new Promise((resolve) => {
      waiting.push(resolve);
    });
  };
  const release = (connection: DuckDBConnection): void => {
    const next = waiting.shift();
    if (next === undefined) idle.push(connection);
    else next(connection);
  };
  return {
    rows: async (sql, values = []) => {
      const connection = await take();
      try {
        return await runWithin(connection, timeoutMs, async () => (await connection.runAndReadAll(sql, [...values])).getRowObjectsJson() as Row[]);
      } finally {
        release(connection);
      }
    },
    close: async () => {
      for (const connection of all) connection.interrupt();
      const mine = await Promise.all(all.map(take));
      for (const connection of mine) connection.closeSync();
    },
  };
}

async function runWithin<T>(connection: DuckDBConnection, timeoutMs: number, run: () => Promise<T>): Promise<T> {
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    connection.interrupt();
  }, timeoutMs);
  try {
    return await run();
  } catch (error) {
    throw isLate ? new QueryRefused('too-slow') : error;
  } finally {
    clearTimeout(timer);
  }
}

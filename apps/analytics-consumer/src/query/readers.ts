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
  const pool = new ConnectionPool(timeoutMs);
  let all: DuckDBConnection[] = [];
  const acquire = async (): Promise<void> => {
    all = await Promise.all(Array.from({ length: connections }, () => store.connect()));
    for (const connection of all) pool.give(connection);
  };
  /** Stops what runs and closes all connections; questions that come meanwhile wait. */
  const release = async (): Promise<void> => {
    // Again and again: one that comes before its query has begun is forgotten.
    const interrupting = setInterval(() => all.forEach((connection) => connection.interrupt()), 20);
    for (const connection of await Promise.all(all.map(() => pool.takeFirst()))) connection.closeSync();
    clearInterval(interrupting);
    all = [];
  };
  const detach = store.attach({ release, acquire });
  await acquire();
  return {
    rows: async (sql, values = []) => {
      const connection = await pool.take();
      try {
        return await runWithin(connection, timeoutMs, async () => (await connection.runAndReadAll(sql, [...values])).getRowObjectsJson() as Row[]);
      } finally {
        pool.give(connection);
      }
    },
    close: () => {
      detach();
      return release();
    },
  };
}

type Waiter = (connection: DuckDBConnection) => void;

/** Connections that are free, and who waits for one. */
class ConnectionPool {
  readonly #timeoutMs: number;
  readonly #idle: DuckDBConnection[] = [];
  #waiting: Waiter[] = [];

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** A free connection; throws QueryRefused when too many wait or none gets free in time. */
  take(): Promise<DuckDBConnection> {
    const connection = this.#idle.pop();
    if (connection !== undefined) return Promise.resolve(connection);
    if (this.#waiting.length >= waitingMax) return Promise.reject(new QueryRefused('too-many'));
    return new Promise((resolve, reject) => {
      const waiter: Waiter = (given) => {
        clearTimeout(timer);
        resolve(given);
      };
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        reject(new QueryRefused('too-many'));
      }, this.#timeoutMs);
      this.#waiting.push(waiter);
    });
  }

  /** The next connection that gets free, before all who wait. */
  takeFirst(): Promise<DuckDBConnection> {
    const connection = this.#idle.pop();
    if (connection !== undefined) return Promise.resolve(connection);
    return new Promise((resolve) => {
      this.#waiting.unshift(resolve);
    });
  }

  give(connection: DuckDBConnection): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(connection);
    else next(connection);
  }
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

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { specFolder } from '../fixture.spec-support.js';
import { openStore, type Store } from '../open-store.js';
import { createReaders, type QueryRefused } from './readers.js';

const endless = 'SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE (a.range + b.range) % 7 = 3';

describe('readers on a real DuckDB file', () => {
  const folder = specFolder();
  let store: Store;
  beforeAll(async () => {
    store = await openStore({ file: `${folder.path}/a.duckdb`, memoryBytesMax: 128 * 1024 ** 2 });
  });
  afterAll(() => {
    store.close();
    folder.remove();
  });

  const outcome = (query: Promise<unknown>): Promise<unknown> => query.then(() => 'answered', (error: QueryRefused) => error.why);

  it('analytics/Q1: a query past its time is stopped, and the connection goes on', async () => {
    const readers = await createReaders({ store, timeoutMs: 200, connections: 1 });
    expect(await outcome(readers.rows(endless))).toBe('too-slow');
    expect(await readers.rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await readers.close();
  });

  it('refuses a query when too many wait, and one that gets no connection in time', async () => {
    const readers = await createReaders({ store, timeoutMs: 300, connections: 1 });
    const outcomes = await Promise.all(Array.from({ length: 70 }, () => outcome(readers.rows(endless))));
    expect(new Set(outcomes)).toEqual(new Set(['too-slow', 'too-many']));
    await readers.close();
  });

  it('waits, while the file is opened anew, and answers after', async () => {
    const readers = await createReaders({ store, timeoutMs: 5_000 });
    const running = outcome(readers.rows(endless));
    const reopened = store.reopen();
    const after = readers.rows('SELECT 1 AS one');
    await reopened;
    expect(await after).toEqual([{ one: 1 }]);
    expect(await running).not.toBe('answered');
    await readers.close();
  });
});

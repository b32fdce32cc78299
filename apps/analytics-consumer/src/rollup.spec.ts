import { createSampleProducer, fakeClock, sampleRequestEvent } from '@tidegate/testkit';
import fc from 'fast-check';
import type { Event, RequestEvent } from '@tidegate/grpc';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createBatchConsumer, type BatchConsumer } from './consume-batch.js';
import { createConsumeMetrics } from './consume-metrics.js';
import { newId, specFolder, specObservability } from './fixture.spec-support.js';
import { openStore, type Store } from './open-store.js';
import { createReaders, type Readers, type Row } from './query/readers.js';
import { createRetention } from './retention.js';
import { createRollup, type Rollup } from './rollup.js';
import { createSink, type Sink } from './sink.js';

const startMs = fakeClock().nowMs();

/** A request as the spec counts it. */
interface Made {
  readonly minute: number;
  readonly parts: Partial<RequestEvent>;
}

const made: fc.Arbitrary<Made> = fc.record({
  // Up to four minutes back: some are late.
  minute: fc.integer({ min: -4, max: 0 }),
  parts: fc.record({
    route: fc.constantFrom('products', 'orders', '-'),
    service: fc.constantFrom('a', 'b'),
    status: fc.constantFrom(200, 404, 500),
    faultCode: fc.constantFrom('', '', 'quota-exceeded', 'internal'),
    principal: fc.constantFrom('jwt:alice', 'jwt:bob', 'address:192.0.2.7', ''),
    policy: fc.constantFrom('users', ''),
    boundLimit: fc.constantFrom('burst', 'daily'),
    durationUs: fc.integer({ min: 0, max: 1_000_000 }),
    responseBytes: fc.integer({ min: 0, max: 10_000 }),
  }),
});

const eventOf = ({ minute, parts }: Made): Event => sampleRequestEvent(newId(), startMs + minute * 60_000 + 1_000, parts);

describe('minute tables on a real DuckDB file', () => {
  const folder = specFolder();
  let store: Store;
  let sink: Sink;
  let readers: Readers;
  let consumer: BatchConsumer;
  let rollup: Rollup;
  let clock = fakeClock();
  let producer = createSampleProducer('P1');
  let files = 0;

  const open = async (clientsMax = 10_000): Promise<void> => {
    files += 1;
    clock = fakeClock();
    producer = createSampleProducer('P1');
    store = await openStore({ file: `${folder.path}/${files}.duckdb`, memoryBytesMax: 128 * 1024 ** 2 });
    sink = await createSink(store);
    readers = await createReaders({ store, timeoutMs: 10_000 });
    consumer = await createBatchConsumer({ sink, clock, metrics: createConsumeMetrics(specObservability()), flushMs: 1 });
    rollup = createRollup({ sink, clock, clientsMax });
  };
  const shut = async (): Promise<void> => {
    await readers.close();
    await sink.close();
    store.close();
  };
  beforeEach(() => open());
  afterAll(() => folder.remove());

  const take = async (events: Event[]): Promise<void> => {
    await consumer.accept(producer.batch(events), 0);
    await rollup.run();
  };
  const total = async (table: string, column = 'requests'): Promise<number> => Number((await readers.rows(`SELECT coalesce(sum(${column}), 0)::BIGINT AS n FROM ${table}`))[0]?.['n']);

  it('analytics/N6: equal what is counted by hand, whatever the order, the flushes and the compactions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.array(made, { minLength: 1, maxLength: 20 }), fc.constantFrom('none', 'compact', 'advance')), { maxLength: 8 }), async (flushes) => {
        await shut();
        await open();
        for (const [requests, then] of flushes) {
          await take(requests.map(eventOf));
          if (then === 'advance') clock.advance(60_000);
          if (then !== 'none') await rollup.compact();
        }
        const all = flushes.flatMap(([requests]) => requests);
        expect(await readers.rows(routeSql)).toEqual(countBy(all, routeKey, routeSums));
        expect(await readers.rows(clientSql)).toEqual(countBy(all, clientKey, clientSums));
        expect(await readers.rows(limitSql)).toEqual(countBy(all.filter(({ parts }) => parts.policy !== ''), limitKey, limitSums));
        expect(await total('route_latencies')).toBe(all.length);
      }),
      { numRuns: 10 },
    );
    await shut();
  });

  it('analytics/N6: keep the busiest clients of a minute by name and all others as ~other', async () => {
    await shut();
    await open(3);
    const minute = (counts: Record<string, number>) => Object.entries(counts).flatMap(([principal, n]) => Array.from({ length: n }, () => eventOf({ minute: -4, parts: { principal } })));
    await take(minute({ a: 5, b: 4, c: 3, d: 2 }));
    await take(minute({ d: 4, e: 1 }));
    expect(await rollup.compact()).toBe(1);
    const rows = () => readers.rows("SELECT principal, sum(requests)::INTEGER AS n FROM client_minutes GROUP BY principal ORDER BY n DESC, principal");
    expect(await rows()).toEqual([{ principal: 'd', n: 6 }, { principal: 'a', n: 5 }, { principal: 'b', n: 4 }, { principal: '~other', n: 4 }]);
    // Late ones join their minute.
    await take(minute({ a: 3, f: 2 }));
    await rollup.compact();
    expect(await rows()).toEqual([{ principal: 'a', n: 8 }, { principal: 'd', n: 6 }, { principal: '~other', n: 6 }, { principal: 'b', n: 4 }]);
    expect(await rollup.compact()).toBe(0);
    await shut();
  });

  it('analytics/N4: a rollup that was cut off before it committed is made again from the same rows', async () => {
    await consumer.accept(producer.batch([eventOf({ minute: 0, parts: {} })]), 0);
    const again = createRollup({ sink, clock });
    await Promise.all([rollup.run(), again.run()]);
    expect(await total('route_minutes')).toBe(1);
    await shut();
  });

  it('analytics/N6: raw rows past their time go once they are rolled up; minute rows stay until past theirs', async () => {
    const retain = createRetention({ sink, clock, raw: { keepMs: 3_600_000, bytesMax: 2 ** 30 }, minutes: { keepMs: 86_400_000 } });
    await consumer.accept(producer.batch([eventOf({ minute: -120, parts: {} }), eventOf({ minute: 0, parts: {} })]), 0);
    expect((await retain()).removedRows).toBe(0);
    await rollup.run();
    expect((await retain()).removedRows).toBe(1);
    expect([await total('route_minutes'), await total('(SELECT 1 AS requests FROM requests)')]).toEqual([2, 1]);
    clock.advance(86_400_000 + 60_000);
    await retain();
    expect([await total('route_minutes'), await total('client_minutes'), await total('route_latencies'), await total('limit_minutes')]).toEqual([0, 0, 0, 0]);
    await shut();
  });

  it('keeps no shape that no row has, and every one a row has', async () => {
    const retain = createRetention({ sink, clock, raw: { keepMs: 3_600_000, bytesMax: 2 ** 30 }, minutes: { keepMs: 86_400_000 } });
    await take([eventOf({ minute: -120, parts: { route: 'old' } }), eventOf({ minute: 0, parts: { route: 'new' } })]);
    await retain();
    expect(await total('(SELECT 1 AS requests FROM shapes)')).toBe(2);
    // A new start names shapes anew.
    await sink.load();
    await take([eventOf({ minute: 0, parts: { route: 'new' } })]);
    await retain();
    expect(await readers.rows('SELECT route FROM requests JOIN shapes USING (shape)')).toEqual([{ route: 'new' }, { route: 'new' }]);
    expect(await total('(SELECT 1 AS requests FROM shapes)')).toBe(2);
    await shut();
  });

  it('analytics/N6: the raw window stays within its bytes, oldest rows first, while ingest goes on; no minute row is lost', async () => {
    const bytesMax = 4 * 2 ** 20;
    // Space comes back by whole row groups of 122,880 rows.
    const rowGroupBytes = 3 * 2 ** 20;
    const retain = createRetention({ sink, clock, raw: { keepMs: 86_400_000, bytesMax }, minutes: { keepMs: 86_400_000 } });
    const count = 40_000;
    let sizes: number[] = [];
    for (let round = 0; round < 9; round += 1) {
      await consumer.accept(producer.batch([eventOf({ minute: 0, parts: {} })]), 0);
      const copies = `INSERT INTO requests SELECT * REPLACE (gen_random_uuid() AS trace_id) FROM requests, range(${count}) WHERE flush = ${sink.lastFlush}`;
      await sink.exclusive((connection) => connection.run(copies.replace('*', 'requests.*')));
      await rollup.run();
      await sink.exclusive((connection) => connection.run('CHECKPOINT'));
      await retain();
      sizes = [...sizes, (await retain()).rawBytes];
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(bytesMax + rowGroupBytes);
    expect(await total('route_minutes')).toBe(9 * (count + 1));
    const [row] = await readers.rows('SELECT min(flush) AS low, max(flush) AS high, count(*) AS n FROM requests');
    expect(Number(row?.['high'])).toBe(9);
    expect(Number(row?.['low'])).toBeGreaterThan(1);
    await shut();
  }, 60_000);
});

const denied = ({ parts }: Made): number => (parts.faultCode === 'quota-exceeded' ? 1 : 0);
const minuteOf = ({ minute }: Made): number => Math.floor(startMs / 60_000) + minute;

const routeSql =
  'SELECT concat_ws(\'|\', minute, route, service, status) AS k, sum(requests)::INTEGER AS a, sum(denied)::INTEGER AS b, sum(response_bytes)::INTEGER AS c, sum(duration_us)::INTEGER AS d FROM route_minutes GROUP BY k ORDER BY k';
const routeKey = (m: Made): string => `${minuteOf(m)}|${m.parts.route}|${m.parts.service}|${m.parts.status}`;
const routeSums = (m: Made): number[] => [1, denied(m), m.parts.responseBytes ?? 0, m.parts.durationUs ?? 0];

const clientSql =
  "SELECT concat_ws('|', minute, principal) AS k, sum(requests)::INTEGER AS a, sum(denied)::INTEGER AS b, sum(client_errors)::INTEGER AS c, sum(server_errors)::INTEGER AS d FROM client_minutes GROUP BY k ORDER BY k";
const clientKey = (m: Made): string => `${minuteOf(m)}|${m.parts.principal === '' ? '-' : m.parts.principal}`;
const clientSums = (m: Made): number[] => [1, denied(m), denied(m) === 0 && m.parts.status === 404 ? 1 : 0, denied(m) === 0 && m.parts.status === 500 ? 1 : 0];

const limitSql = "SELECT concat_ws('|', minute, policy, bound_limit) AS k, sum(requests)::INTEGER AS a, sum(denied)::INTEGER AS b, sum(degraded)::INTEGER AS c, 0 AS d FROM limit_minutes GROUP BY k ORDER BY k";
const limitKey = (m: Made): string => `${minuteOf(m)}|${m.parts.policy}|${m.parts.boundLimit}`;
const limitSums = (m: Made): number[] => [1, denied(m), 0, 0];

/** The rows a GROUP BY would give, ordered by key. */
function countBy(all: readonly Made[], key: (m: Made) => string, sums: (m: Made) => number[]): Row[] {
  const rows = new Map<string, number[]>();
  for (const one of all) {
    const row = rows.get(key(one)) ?? [0, 0, 0, 0];
    rows.set(key(one), row.map((sum, at) => sum + (sums(one)[at] ?? 0)));
  }
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, [a, b, c, d]]) => ({ k, a, b, c, d }));
}

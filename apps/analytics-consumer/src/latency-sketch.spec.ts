import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bucketOf, bucketSql, bucketValueUs, quantileSql, quantiles, toQuantiles } from './latency-sketch.js';

const durations = fc.array(fc.integer({ min: 1, max: 3_600_000_000 }), { minLength: 1, maxLength: 300 });

/** The value at the nearest rank. */
const exact = (values: readonly number[], q: number): number => [...values].sort((a, b) => a - b)[Math.ceil(q * values.length) - 1] ?? Number.NaN;

describe('latency sketch', () => {
  let connection: DuckDBConnection;
  beforeAll(async () => {
    connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run('CREATE TABLE sketch (part INTEGER, bucket SMALLINT, requests BIGINT)');
    await connection.run('CREATE TABLE durations (us UINTEGER)');
  });
  afterAll(() => connection.closeSync());

  it('analytics/N6: a bucket stands for each of its durations with at most 1 % error', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000_000_000 }), (us) => {
        expect(Math.abs(bucketValueUs(bucketOf(us)) - us) / us).toBeLessThanOrEqual(0.01);
      }),
      { numRuns: 2_000 },
    );
  });

  it('analytics/N6: quantiles of sketches merged from any parts are within 1 % of the exact ones', async () => {
    await fc.assert(
      fc.asyncProperty(durations, durations, async (first, second) => {
        await connection.run('DELETE FROM sketch');
        for (const [part, values] of [first, second].entries()) {
          const rows = values.map((us) => `(${part}, ${bucketOf(us)}, 1)`).join(', ');
          await connection.run(`INSERT INTO sketch VALUES ${rows}`);
        }
        const [row] = (await connection.runAndReadAll(quantileSql('sketch', []))).getRowObjectsJson();
        const answered = toQuantiles(row);
        for (const q of quantiles) {
          const trueMs = exact([...first, ...second], q) / 1_000;
          const ms = answered[`p${Math.round(q * 100)}` as 'p50'] ?? Number.NaN;
          // 0.05 % for the four digits that are printed.
          expect(Math.abs(ms - trueMs) / trueMs).toBeLessThanOrEqual(0.010_5);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('puts a duration into the same bucket in SQL as here, but for the bounds themselves', async () => {
    const values = fc.sample(fc.integer({ min: 0, max: 4_000_000_000 }), 500);
    await connection.run(`INSERT INTO durations VALUES ${values.map((us) => `(${us})`).join(', ')}`);
    const rows = (await connection.runAndReadAll(`SELECT us, ${bucketSql('us')} FROM durations`)).getRowsJson();
    for (const [us, bucket] of rows) expect(Math.abs(Number(bucket) - bucketOf(Number(us)))).toBeLessThanOrEqual(1);
    expect(rows).toHaveLength(500);
  });

  it('has no quantile where nothing was counted', () => {
    expect(toQuantiles(undefined)).toEqual({ p50: null, p90: null, p95: null, p99: null });
  });
});

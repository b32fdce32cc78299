import { Fault } from '@tidegate/fault';
import type { Readers } from './readers.js';

/** What arrived of a replay. Its requests carry the ids `replay-<run>-<line>`. */
export interface ReplayReport {
  readonly run: string;
  /** Request events. */
  readonly counted: number;
  /** Different lines among them; `counted - distinct` were counted twice. */
  readonly distinct: number;
  readonly duplicated: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly maxLine: number | null;
  /** With `sent`: how many of so many never arrived. */
  readonly missing?: number;
  /** Lines that arrived, as ranges such as "1-500,502-900"; at most 1,000 ranges, see `lineRangesCut`. */
  readonly lineRanges: string;
  readonly lineRangesCut: boolean;
  /** The first lines that were counted more than once. */
  readonly duplicatedLines: readonly number[];
}

const rangesMax = 1_000;
const runPattern = /^[A-Za-z0-9._-]{1,64}$/;

/** Counts the requests of one replay in the raw window. Throws the fault 400 for what is no run id. */
export async function queryReplay(readers: Readers, run: string, sent: number | undefined): Promise<ReplayReport> {
  if (!runPattern.test(run)) {
    throw new Fault('bad-request', 'replay run id', { detail: 'run: expected 1 to 64 of A-Z a-z 0-9 . _ -', members: { allowed: [runPattern.source] } });
  }
  const prefix = `replay-${run}-`;
  // What follows the prefix must be a number, so that the run `a` does not count the lines of the run `a-b`.
  const lines =
    'WITH lines AS (SELECT TRY_CAST(substr(request_id, ?) AS BIGINT) AS line, status FROM requests JOIN shapes USING (shape) ' +
    "WHERE starts_with(request_id, ?) AND regexp_full_match(substr(request_id, ?), '[0-9]{1,18}')) ";
  const values = [prefix.length + 1, prefix, prefix.length + 1];
  const [byStatus, [totals], ranges, twice] = await Promise.all([
    readers.rows(`${lines} SELECT status, count(*) AS n FROM lines GROUP BY status ORDER BY status`, values),
    readers.rows(`${lines} SELECT count(*) AS counted, count(DISTINCT line) AS lines, max(line) AS highest FROM lines`, values),
    readers.rows(
      `${lines} SELECT min(line) AS low, max(line) AS high FROM (SELECT line, line - row_number() OVER (ORDER BY line) AS island ` +
        `FROM (SELECT DISTINCT line FROM lines)) GROUP BY island ORDER BY low LIMIT ${rangesMax + 1}`,
      values,
    ),
    readers.rows(`${lines} SELECT line FROM lines GROUP BY line HAVING count(*) > 1 ORDER BY line LIMIT 20`, values),
  ]);
  const counted = Number(totals?.['counted'] ?? 0);
  const distinct = Number(totals?.['lines'] ?? 0);
  const highest = totals?.['highest'];
  return {
    run,
    counted,
    distinct,
    duplicated: counted - distinct,
    byStatus: Object.fromEntries(byStatus.map((row) => [String(row['status']), Number(row['n'])])),
    maxLine: highest === null || highest === undefined ? null : Number(highest),
    ...(sent === undefined ? {} : { missing: Math.max(0, sent - distinct) }),
    lineRanges: ranges.slice(0, rangesMax).map((row) => (row['low'] === row['high'] ? String(row['low']) : `${String(row['low'])}-${String(row['high'])}`)).join(','),
    lineRangesCut: ranges.length > rangesMax,
    duplicatedLines: twice.map((row) => Number(row['line'])),
  };
}

import type { DuckDBConnection } from '@duckdb/node-api';
import type { Clock } from '@tidegate/units';
import { inTransaction } from './in-transaction.js';
import type { Sink } from './sink.js';
import { minuteTables } from './store-schema.js';

/** What is kept. */
export interface RetentionOptions {
  readonly sink: Sink;
  readonly clock: Clock;
  readonly raw: { readonly keepMs: number; readonly bytesMax: number };
  readonly minutes: { readonly keepMs: number };
}

/** What one pass removed and left. */
export interface RetentionReport {
  readonly removedRows: number;
  /** Bytes the raw window takes in the file. */
  readonly rawBytes: number;
}

const blockBytes = 262_144;
/** Rows of other events kept at most. */
const otherRowsMax = 1_000_000;
/** Marks of producers that sent nothing for so long are dropped. */
const producerKeepMs = 30 * 86_400_000;

/**
 * One pass: removes raw rows past their time, then the oldest until the window fits its bytes, and minute rows past theirs.
 * Only rows that are in the minute tables go. Between two passes ingest goes on; nothing waits for space.
 */
export function createRetention(options: RetentionOptions): () => Promise<RetentionReport> {
  return () => options.sink.exclusive((connection) => removeOld(connection, options));
}

async function removeOld(connection: DuckDBConnection, { sink, clock, raw, minutes }: RetentionOptions): Promise<RetentionReport> {
  const nowMs = clock.nowMs();
  const rawBytes = await bytesOfRaw(connection);
  let removedRows = 0;
  await inTransaction(connection, async () => {
    removedRows += await remove(connection, `requests WHERE at_us < ${(nowMs - raw.keepMs) * 1_000} AND flush <= (FROM rolled_up)`);
    if (rawBytes > raw.bytesMax) removedRows += await removeOldest(connection, 1 - raw.bytesMax / rawBytes);
    await remove(connection, `other_events WHERE at_us < ${(nowMs - minutes.keepMs) * 1_000}`);
    await remove(connection, `other_events WHERE flush < (SELECT min(flush) FROM (SELECT flush FROM other_events ORDER BY flush DESC LIMIT ${otherRowsMax}))`);
    const oldestMinute = Math.floor((nowMs - minutes.keepMs) / 60_000);
    for (const table of Object.keys(minuteTables)) await remove(connection, `${table} WHERE minute < ${oldestMinute}`);
    await remove(connection, `shapes WHERE shape < ${sink.lowestShape} AND shape NOT IN (SELECT DISTINCT shape FROM requests)`);
    await remove(connection, `sequences WHERE at_ms < ${nowMs - producerKeepMs}`);
  });
  // Space of removed rows is used again after a checkpoint; another transaction that is open now puts it off to the next pass.
  if (removedRows > 0) await connection.run('CHECKPOINT').catch(() => undefined);
  return { removedRows, rawBytes };
}

/** Removes the oldest share of the raw window, and a tenth of the bound more so that not every pass has to. */
async function removeOldest(connection: DuckDBConnection, share: number): Promise<number> {
  const reader = await connection.runAndReadAll(
    `SELECT quantile_disc(flush, ${Math.min(1, share + 0.1)}) FROM requests WHERE flush <= (FROM rolled_up)`,
  );
  const upTo = reader.getRowsJson()[0]?.[0];
  if (upTo === null || upTo === undefined) return 0;
  return remove(connection, `requests WHERE flush <= ${Number(upTo)} AND flush <= (FROM rolled_up)`);
}

async function remove(connection: DuckDBConnection, what: string): Promise<number> {
  const result = await connection.run(`DELETE FROM ${what}`);
  return result.rowsChanged;
}

/** Bytes of the blocks that hold the raw window; what is not checkpointed yet is not in it (at most the size of the log). */
async function bytesOfRaw(connection: DuckDBConnection): Promise<number> {
  const reader = await connection.runAndReadAll("SELECT count(DISTINCT block_id) FROM pragma_storage_info('requests') WHERE persistent");
  return Number(reader.getRowsJson()[0]?.[0]) * blockBytes;
}

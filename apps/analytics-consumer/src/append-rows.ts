import duckdb from '@duckdb/node-bindings';
import { BIGINT, BOOLEAN, DuckDBDataChunk, INTEGER, VARCHAR, type DuckDBConnection, type DuckDBType, type DuckDBValue } from '@duckdb/node-api';
import type { Event } from '@tidegate/grpc';
import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { rowsPerChunk, type ColumnBuffer } from './column-buffers.js';
import { requestBuffers, setRequestRow, type RequestRow } from './request-columns.js';
import { shapeColumns } from './shapes.js';

/** A table rows are appended to: its column types in table order. */
export interface Table {
  readonly name: string;
  readonly types: readonly DuckDBType[];
}

/** An event that is no request. */
export interface OtherRow {
  readonly event: Event;
  /** Event time, after clamping. */
  readonly atUs: number;
}

const typesByName = { VARCHAR, INTEGER, BOOLEAN };

export const shapeTable: Table = { name: 'shapes', types: [INTEGER, ...Object.values(shapeColumns).map((type) => typesByName[type])] };

export const otherTable: Table = { name: 'other_events', types: [BIGINT, VARCHAR, VARCHAR, VARCHAR, VARCHAR, VARCHAR, VARCHAR, INTEGER] };

/** The columns of `other_events`: the event's kind, and its own fields as JSON. */
export function toOtherValues({ event, atUs }: OtherRow, flush: number): DuckDBValue[] {
  const { id, app, instance, configVersion, kind } = event;
  return [BigInt(Math.trunc(atUs)), kind?.$case ?? '', id, app, instance, configVersion, JSON.stringify(kind?.value ?? {}), flush];
}

const requestColumns: readonly ColumnBuffer[] = Object.values(requestBuffers);
const requestTypes = requestColumns.map(({ type }) => type);

/** Appends request rows within the connection's transaction. */
export async function appendRequests(connection: DuckDBConnection, rows: readonly RequestRow[], flush: number): Promise<void> {
  if (rows.length === 0) return;
  const appender = await connection.createAppender('requests');
  for (let from = 0; from < rows.length; from += rowsPerChunk) {
    // Appending holds the event loop; let others in between.
    if (from > 0) await yieldToEventLoop();
    appender.appendDataChunk(toChunk(rows.slice(from, from + rowsPerChunk), flush));
  }
  appender.closeSync();
}

function toChunk(rows: readonly RequestRow[], flush: number): DuckDBDataChunk {
  let index = 0;
  for (const row of rows) {
    setRequestRow(index, row, flush);
    index += 1;
  }
  const chunk = DuckDBDataChunk.create(requestTypes, rows.length);
  for (const [at, column] of requestColumns.entries()) column.copyTo(duckdb.data_chunk_get_vector(chunk.chunk, at), rows.length);
  return chunk;
}

/** Appends rows of a table that few rows go to. */
export async function appendRows(connection: DuckDBConnection, { name, types }: Table, rows: readonly DuckDBValue[][]): Promise<void> {
  if (rows.length === 0) return;
  const appender = await connection.createAppender(name);
  for (let from = 0; from < rows.length; from += rowsPerChunk) {
    const chunk = DuckDBDataChunk.create(types);
    chunk.setRows(rows.slice(from, from + rowsPerChunk));
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

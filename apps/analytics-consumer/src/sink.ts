import { BIGINT, INTEGER, VARCHAR, type DuckDBConnection, type DuckDBValue } from '@duckdb/node-api';
import type { Event, RequestEvent } from '@tidegate/grpc';
import { appendRequests, appendRows, otherTable, shapeTable, toOtherValues, type OtherRow, type Table } from './append-rows.js';
import { inTransaction } from './in-transaction.js';
import { isFatal, type Store, type StoreUser } from './open-store.js';
import { runPrepared } from './run-prepared.js';
import type { RequestRow } from './request-columns.js';
import { ShapeNames } from './shapes.js';

/** Last sequence of one producer in one partition. */
export interface SequenceMark {
  readonly producer: string;
  readonly partition: number;
  readonly sequence: number;
}

/** Last record of one partition of a topic. */
export interface PositionMark {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** Everything one transaction writes. */
export interface Flush {
  readonly requests: readonly RequestRow[];
  readonly others: readonly OtherRow[];
  readonly sequences: readonly SequenceMark[];
  readonly positions: readonly PositionMark[];
  readonly atMs: number;
}

/** What the store says was written. */
export interface Marks {
  readonly sequences: readonly SequenceMark[];
  readonly positions: readonly PositionMark[];
}

/** Writes events. One connection writes; whoever else must write goes through `exclusive`. */
export interface Sink {
  /** The number of the shape of a request event; the next flush writes it if it is new. */
  shapeOf(event: Event, request: RequestEvent): number;
  /** Rows and marks in one transaction: all or nothing. Resolves when durable. */
  write(flush: Flush): Promise<void>;
  /** The durable marks; forgets shapes that were not written. */
  load(): Promise<Marks>;
  /** Runs a writing transaction between flushes. */
  exclusive<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T>;
  /** No event that is still to be written has a shape of a lower number. */
  readonly lowestShape: number;
  /** Number of the last flush that has committed. */
  readonly lastFlush: number;
  close(): Promise<void>;
}

/** Opens the writing side of the store. */
export async function createSink(store: Store): Promise<Sink> {
  const sink = new DuckDbSink(store);
  await sink.acquire();
  await sink.load();
  return sink;
}

class DuckDbSink implements Sink, StoreUser {
  readonly #store: Store;
  readonly #detach: () => void;
  #connection: DuckDBConnection | undefined;
  #isLost = false;
  #tail: Promise<unknown> = Promise.resolve();
  readonly #shapes = new ShapeNames();
  #knownSequences = new Set<string>();
  #knownPositions = new Set<string>();
  lastFlush = 0;

  constructor(store: Store) {
    this.#store = store;
    this.#detach = store.attach(this);
  }

  async acquire(): Promise<void> {
    this.#connection = await this.#store.connect();
  }

  release(): Promise<void> {
    this.#connection?.closeSync();
    this.#connection = undefined;
    return Promise.resolve();
  }

  shapeOf(event: Event, request: RequestEvent): number {
    return this.#shapes.numberOf(event, request);
  }

  get lowestShape(): number {
    return this.#shapes.lowestInUse;
  }

  write(flush: Flush): Promise<void> {
    const shapes = this.#shapes.takeFresh();
    return this.exclusive(async (connection) => {
      const number = this.lastFlush + 1;
      await inTransaction(connection, async () => {
        await appendRows(connection, shapeTable, shapes.map(([shape, parts]) => [shape, ...Object.values(parts)]));
        await appendRequests(connection, flush.requests, number);
        await appendRows(connection, otherTable, flush.others.map((row) => toOtherValues(row, number)));
        await this.#mark(connection, flush);
      });
      this.lastFlush = number;
    });
  }

  exclusive<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const result = this.#tail.then(() => this.#run(work));
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Runs the work; when DuckDB gave the file up under earlier work, it is opened anew first. */
  async #run<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    if (this.#isLost || this.#connection === undefined) {
      await this.#store.reopen();
      this.#isLost = false;
    }
    try {
      return await work(this.#connection as DuckDBConnection);
    } catch (error) {
      if (isFatal(error)) this.#isLost = true;
      throw error;
    }
  }

  load(): Promise<Marks> {
    return this.exclusive(async (connection) => {
      const rows = async (sql: string): Promise<readonly (readonly unknown[])[]> => (await connection.runAndReadAll(sql)).getRowsJson();
      const [numbers] = await rows(
        'SELECT greatest((FROM rolled_up), coalesce((SELECT max(flush) FROM requests), 0), coalesce((SELECT max(flush) FROM other_events), 0)), coalesce((SELECT max(shape) FROM shapes), 0)',
      );
      this.lastFlush = Number(numbers?.[0]);
      // Named anew after a start: cheaper than reading them back, and only what still occurs is held.
      this.#shapes.reset(Number(numbers?.[1]) + 1);
      const sequences = (await rows('SELECT producer, part, sequence FROM sequences')).map(([producer, part, sequence]) => ({
        producer: String(producer),
        partition: Number(part),
        sequence: Number(sequence),
      }));
      const positions = (await rows('SELECT topic, part, record_offset FROM positions')).map(([topic, part, offset]) => ({
        topic: String(topic),
        partition: Number(part),
        offset: Number(offset),
      }));
      this.#knownSequences = new Set(sequences.map(keyOfSequence));
      this.#knownPositions = new Set(positions.map(keyOfPosition));
      return { sequences, positions };
    });
  }

  async close(): Promise<void> {
    await this.#tail;
    this.#detach();
    await this.release();
  }

  /** Updates in place where a row is known, so that the tables do not grow with every flush. */
  async #mark(connection: DuckDBConnection, { sequences, positions, atMs }: Flush): Promise<void> {
    const sequenceRows = sequences.map((mark) => ({ key: keyOfSequence(mark), values: [mark.producer, mark.partition, BigInt(mark.sequence), BigInt(atMs)] }));
    const positionRows = positions.map((mark) => ({ key: keyOfPosition(mark), values: [mark.topic, mark.partition, BigInt(mark.offset)] }));
    await upsert(connection, { ...sequenceTable, known: this.#knownSequences }, sequenceRows);
    await upsert(connection, { ...positionTable, known: this.#knownPositions }, positionRows);
  }
}

interface MarkRow {
  readonly key: string;
  /** In the order of the update's placeholders. */
  readonly values: DuckDBValue[];
}

interface MarkTable extends Table {
  readonly updateSql: string;
}

/** Updates the rows that are known and appends the others. */
async function upsert(connection: DuckDBConnection, table: MarkTable & { readonly known: Set<string> }, rows: readonly MarkRow[]): Promise<void> {
  for (const { values } of rows.filter(({ key }) => table.known.has(key))) await runPrepared(connection, table.updateSql, values);
  const fresh = rows.filter(({ key }) => !table.known.has(key));
  await appendRows(connection, table, fresh.map(({ values }) => values));
  for (const { key } of fresh) table.known.add(key);
}

const sequenceTable: MarkTable = {
  name: 'sequences',
  types: [VARCHAR, INTEGER, BIGINT, BIGINT],
  updateSql: 'UPDATE sequences SET sequence = $3, at_ms = $4 WHERE producer = $1 AND part = $2',
};

const positionTable: MarkTable = {
  name: 'positions',
  types: [VARCHAR, INTEGER, BIGINT],
  updateSql: 'UPDATE positions SET record_offset = $3 WHERE topic = $1 AND part = $2',
};

const keyOfSequence = ({ producer, partition }: SequenceMark): string => `${partition}/${producer}`;
const keyOfPosition = ({ topic, partition }: PositionMark): string => `${partition}/${topic}`;

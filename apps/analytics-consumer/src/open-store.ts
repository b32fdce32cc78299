import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { createSchema } from './store-schema.js';

/** Why a store cannot be used, as the exit code of the process: 75 somebody else holds it, 65 damaged, 73 cannot be made. */
export type StoreExitCode = 65 | 73 | 75;

/** The store cannot be opened; the message says who holds it or the way back. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly exitCode: StoreExitCode;

  constructor(exitCode: StoreExitCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}

/** Who holds connections to the store. */
export interface StoreUser {
  /** Closes its connections, once nothing runs on them. */
  release(): Promise<void>;
  /** Takes new ones. */
  acquire(): Promise<void>;
}

/** An open DuckDB file. This process is its only user. */
export interface Store {
  readonly file: string;
  connect(): Promise<DuckDBConnection>;
  /** Makes a user take part in `reopen`; returns its way out. */
  attach(user: StoreUser): () => void;
  /** Opens the file anew, after an error that made DuckDB give it up, such as a full disk in a checkpoint. Throws StoreError. */
  reopen(): Promise<void>;
  close(): void;
}

/** Whether DuckDB gave the file up: nothing works on it until it is opened anew. */
export const isFatal = (error: unknown): boolean => error instanceof Error && /FATAL|database has been invalidated/.test(error.message);

export interface StoreOptions {
  readonly file: string;
  readonly memoryBytesMax: number;
}

/**
 * Files open in this process. DuckDB's lock keeps other processes out, but a second handle of the same process would
 * pass, and closing it would drop the lock of the first.
 */
const openFiles = new Set<string>();

/** Opens or creates the file and its tables. Throws StoreError. */
export async function openStore({ file, memoryBytesMax }: StoreOptions): Promise<Store> {
  const path = resolve(file);
  if (openFiles.has(path)) throw new StoreError(75, `${file} is already open in this process (${process.pid})`);
  openFiles.add(path);
  try {
    const instance = await openInstance(path, memoryBytesMax);
    return new DuckDbStore({ file, memoryBytesMax }, instance);
  } catch (error) {
    openFiles.delete(path);
    throw toStoreError(file, error);
  }
}

class DuckDbStore implements Store {
  readonly file: string;
  readonly #memoryBytesMax: number;
  readonly #users = new Set<StoreUser>();
  #instance: DuckDBInstance | undefined;

  constructor({ file, memoryBytesMax }: StoreOptions, instance: DuckDBInstance) {
    this.file = file;
    this.#memoryBytesMax = memoryBytesMax;
    this.#instance = instance;
  }

  connect(): Promise<DuckDBConnection> {
    if (this.#instance === undefined) return Promise.reject(new StoreError(73, `${this.file} is not open`));
    return this.#instance.connect();
  }

  attach(user: StoreUser): () => void {
    this.#users.add(user);
    return () => void this.#users.delete(user);
  }

  async reopen(): Promise<void> {
    if (this.#instance !== undefined) {
      // All connections first: the file is free only when the last one is gone.
      await Promise.all([...this.#users].map((user) => user.release()));
      this.#instance.closeSync();
      this.#instance = undefined;
    }
    try {
      this.#instance = await openInstance(resolve(this.file), this.#memoryBytesMax);
    } catch (error) {
      throw toStoreError(this.file, error);
    }
    await Promise.all([...this.#users].map((user) => user.acquire()));
  }

  close(): void {
    this.#instance?.closeSync();
    openFiles.delete(resolve(this.file));
  }
}

async function openInstance(path: string, memoryBytesMax: number): Promise<DuckDBInstance> {
  mkdirSync(dirname(path), { recursive: true });
  const instance = await DuckDBInstance.create(path, {
    memory_limit: `${Math.floor(memoryBytesMax / 1024 ** 2)}MiB`,
    // The gateways may share the machine, or the process: a query uses one core.
    threads: '1',
    // Larger than the default: a checkpoint compresses the tail of every column again.
    checkpoint_threshold: '64MiB',
    preserve_insertion_order: 'false',
    storage_compatibility_version: 'v1.5.0',
    temp_directory: `${path}.tmp`,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    // No query reads a file or a host, whatever its text.
    enable_external_access: 'false',
  });
  try {
    const connection = await instance.connect();
    await createSchema(connection);
    await connection.run('SET lock_configuration = true');
    connection.closeSync();
    return instance;
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

function toStoreError(file: string, error: unknown): StoreError {
  const text = error instanceof Error ? error.message : String(error);
  const firstLine = text.split('\n')[0] ?? '';
  const holder = /Conflicting lock is held(?: in ([^()]*?))? ?\(PID (\d+)\)/.exec(text);
  if (holder !== null || text.includes('Could not set lock')) {
    const who = holder === null ? 'another process' : `process ${holder[2]} (${(holder[1] ?? 'unknown program').trim()}) on ${hostname()}`;
    return new StoreError(75, `${file} is held by ${who}; DuckDB has one writer: stop that one, or give this one its own file`, error);
  }
  if (/not a valid DuckDB|Corrupt|checksum|Serialization Error|INTERNAL Error|deserializ/i.test(text)) {
    return new StoreError(
      65,
      `${file} is damaged (${firstLine}). The way back: restore a copy of the file, or rebuild it from what Kafka still has: ` +
        `mv '${file}' '${file}.damaged' && rm -f '${file}.wal', then start again`,
      error,
    );
  }
  return new StoreError(73, `${file} cannot be opened: ${firstLine}`, error);
}

import { z } from 'zod';
import { apiKeyRecordSchema, type ApiKeyRecord } from './api-key.js';

/** Keeps the records of API keys somewhere, and a copy of all of them in memory. */
export interface KeyBackend {
  /** The records as they last were, by the hash of their key; undefined before the first load. */
  readonly byHash: ReadonlyMap<string, ApiKeyRecord> | undefined;
  /** All records as they are now. */
  read(): Promise<ApiKeyRecord[]>;
  /** Adds or replaces (by id) the records that `change` gives, as one step among all processes, and lets them know. */
  update(change: (records: readonly ApiKeyRecord[]) => readonly ApiKeyRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** Name of the health check of either backend. */
export const apiKeysCheck = 'api-keys';

/** A record as it was kept; throws where it is none. */
export const parseRecord = (value: unknown): ApiKeyRecord => apiKeyRecordSchema.parse(value);

/** A list of them. */
export const parseRecords = (value: unknown): ApiKeyRecord[] => z.array(apiKeyRecordSchema).parse(value);

/** Records by what is looked up: the hash of the key. */
export const indexByHash = (records: readonly ApiKeyRecord[]): Map<string, ApiKeyRecord> =>
  new Map(records.map((record) => [record.hash, record]));

/** What went wrong, for the log. */
export const reasonOf = (err: unknown): string => (err instanceof Error ? err.message : String(err));

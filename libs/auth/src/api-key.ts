import { hash, randomBytes } from 'node:crypto';
import { z } from 'zod';

/** What is kept of an API key: never the key itself. */
export interface ApiKeyRecord {
  /** `k_` and 16 characters; not secret. */
  readonly id: string;
  /** SHA-256 of the key, base64url. */
  readonly hash: string;
  readonly consumer: string;
  readonly plan?: string | undefined;
  readonly scopes: readonly string[];
  readonly createdAtMs: number;
  /** Not good from then on. */
  readonly expiresAtMs?: number | undefined;
  readonly revokedAtMs?: number | undefined;
  /** Id of the key that takes its place. */
  readonly replacedBy?: string | undefined;
}

/** A key that was made just now, and its record. */
export interface NewApiKey {
  /** Shown once; kept nowhere. */
  readonly key: string;
  readonly record: ApiKeyRecord;
}

/** What a new key is for. */
export interface ApiKeyRequest {
  readonly consumer: string;
  readonly plan?: string | undefined;
  readonly scopes: readonly string[];
  readonly expiresAtMs?: number | undefined;
}

const prefix = 'tg_live_';
const bodyPattern = /^tg_live_[A-Za-z0-9_-]{49}$/;

/** Schema of a record as it is kept. */
export const apiKeyRecordSchema = z.object({
  id: z.string(),
  hash: z.string(),
  consumer: z.string(),
  plan: z.string().optional(),
  scopes: z.array(z.string()),
  createdAtMs: z.number(),
  expiresAtMs: z.number().optional(),
  revokedAtMs: z.number().optional(),
  replacedBy: z.string().optional(),
});

/** Makes a key: `tg_live_`, 32 random bytes and a checksum, both base64url. */
export function newApiKey(request: ApiKeyRequest, nowMs: number): NewApiKey {
  const body = prefix + randomBytes(32).toString('base64url');
  const key = body + checksum(body);
  const id = `k_${randomBytes(12).toString('base64url')}`;
  return { key, record: { id, hash: hashApiKey(key), ...request, createdAtMs: nowMs } };
}

/** Whether text has the form of a key, checksum included: typing errors end here, without a look into the store. */
export const isApiKey = (text: string): boolean => bodyPattern.test(text) && checksum(text.slice(0, -6)) === text.slice(-6);

/** SHA-256 of a key, base64url: enough for 32 random bytes. */
export const hashApiKey = (key: string): string => hash('sha256', key, 'base64url');

/** Whether a record is good now. */
export const isInForce = ({ revokedAtMs, expiresAtMs }: ApiKeyRecord, nowMs: number): boolean =>
  revokedAtMs === undefined && (expiresAtMs === undefined || nowMs < expiresAtMs);

const checksum = (body: string): string => hash('sha256', body, 'base64url').slice(0, 6);

/**
 * What is known of a store call that failed (limiter/F3). Only `unknown-outcome` may have charged anything;
 * the others may be sent again: `not-executed` after a reconnect (READONLY, LOADING) or at once (OOM, BUSY never helps).
 */
export type StoreErrorKind = 'not-connected' | 'not-executed' | 'unknown-outcome';

/** A store call that was not answered with decisions. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly kind: StoreErrorKind;

  constructor(kind: StoreErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}

/** Redis refuses these before a script's first write, so nothing was charged. */
const refusals = ['READONLY', 'LOADING', 'MOVED', 'ASK', 'CLUSTERDOWN', 'TRYAGAIN', 'MASTERDOWN', 'NOREPLICAS', 'MISCONF', 'OOM', 'BUSY', 'NOSCRIPT', 'NOAUTH', 'NOPERM', 'WRONGPASS'];

/** Sorts what ioredis rejects with. Whatever is not known to be refused may have run. */
export function toStoreError(thrown: unknown): StoreError {
  if (thrown instanceof StoreError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (message.startsWith("Stream isn't writeable")) return new StoreError('not-connected', 'no connection to Redis', thrown);
  return new StoreError(isRefusal(message) ? 'not-executed' : 'unknown-outcome', message, thrown);
}

/** Whether Redis said so itself: the code is the first word, also where a script passes it on (`ERR ... -READONLY ...`). */
export function isRefusal(message: string): boolean {
  const code = /^(?:ERR [^-]*-)?([A-Z]+)(?: |$)/.exec(message)?.[1];
  return code !== undefined && refusals.includes(code);
}

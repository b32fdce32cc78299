import { hash } from 'node:crypto';

/** What a verified token stands for, until when. */
interface Entry<T> {
  readonly value: T;
  readonly expiresAtMs: number;
}

const entriesMax = 100_000;
const keepMsMax = 5 * 60_000;

/** Remembers tokens that were found good, by SHA-256, least recently used out first (gateway/A3). */
export class VerifiedTokens<T> {
  readonly #entries = new Map<string, Entry<T>>();

  /** Key of a token: its SHA-256. The token itself is not kept. */
  static keyOf(token: string): string {
    return hash('sha256', token, 'base64url');
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string, nowMs: number): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (nowMs >= entry.expiresAtMs) return undefined;
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** Keeps the value until the token expires, 5 min at most. */
  set(key: string, value: T, { nowMs, expiresAtMs }: { nowMs: number; expiresAtMs: number }): void {
    const until = Math.min(expiresAtMs, nowMs + keepMsMax);
    if (until <= nowMs) return;
    this.#entries.delete(key);
    this.#entries.set(key, { value, expiresAtMs: until });
    if (this.#entries.size <= entriesMax) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}

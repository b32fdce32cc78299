import type { KeyObject } from 'node:crypto';
import type { Clock } from '@tidegate/units';
import { findInKeySet, parseKeySet, type SetKey } from './key-set.js';
import type { KeySource } from './key-source.js';
import { KeysUnavailableError } from './token-error.js';
import type { TokenHeader } from './token-parts.js';

/** The part of a logger this lib writes to. */
export interface AuthLogger {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/** The part of the health state this lib writes to. */
export interface HealthSink {
  set(check: string, ok: boolean, reason?: string): void;
}

/** A key set to keep up to date. */
export interface JwksOptions {
  /** Name of the provider, for logs and the health check `jwks:<name>`. */
  readonly provider: string;
  readonly url: string;
  readonly clock: Clock;
  readonly logger: AuthLogger;
  readonly health: HealthSink;
}

const minuteMs = 60_000;
const lifetimeMs = { min: minuteMs, max: 24 * 60 * minuteMs, unsaid: 10 * minuteMs };
const unknownKidPauseMs = 10_000;
const retryMs = { first: 100, max: 30_000 };
const downloadTimeoutMs = 5_000;
const setBytesMax = 1_048_576;

/**
 * Keeps a JWK Set at hand (gateway/A2): downloads it at once, again when Cache-Control says it is old, and for an unknown
 * kid at most once per 10 s, shared by all who wait. While downloads fail the last keys stay in use; before the first one
 * succeeded the health check is false, with the reason, and the download is tried again and again.
 */
export function createJwksSource(options: JwksOptions): KeySource {
  return new JwksSource(options);
}

class JwksSource implements KeySource {
  readonly #options: JwksOptions;
  #keys: readonly SetKey[] | undefined;
  #download: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #askedForUnknownKidAtMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: JwksOptions) {
    this.#options = options;
    options.health.set(this.#check, false, `the keys of provider ${options.provider} are not loaded yet`);
    void this.#refresh();
  }

  find(header: TokenHeader): readonly KeyObject[] | Promise<readonly KeyObject[]> {
    if (this.#keys === undefined) return this.#findAfterDownload(header, this.#download);
    const found = findInKeySet(this.#keys, header);
    return found.length > 0 ? found : this.#findAfterDownload(header, this.#refreshForUnknownKid());
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  get #check(): string {
    return `jwks:${this.#options.provider}`;
  }

  async #findAfterDownload(header: TokenHeader, download: Promise<void> | undefined): Promise<readonly KeyObject[]> {
    await download;
    if (this.#keys === undefined) throw new KeysUnavailableError(`no keys of provider ${this.#options.provider} yet`);
    return findInKeySet(this.#keys, header);
  }

  #refreshForUnknownKid(): Promise<void> | undefined {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#askedForUnknownKidAtMs < unknownKidPauseMs) return this.#download;
    this.#askedForUnknownKidAtMs = nowMs;
    return this.#refresh();
  }

  /** One download at a time; never rejects. */
  #refresh(): Promise<void> {
    clearTimeout(this.#timer);
    this.#download ??= this.#load().finally(() => {
      this.#download = undefined;
    });
    return this.#download;
  }

  async #load(): Promise<void> {
    const { url, provider, health, logger } = this.#options;
    try {
      const { text, maxAgeMs } = await downloadKeySet(url);
      this.#keys = parseKeySet(text);
      this.#failures = 0;
      health.set(this.#check, true);
      this.#refreshIn(maxAgeMs);
      logger.info({ provider, keys: this.#keys.length }, 'key set loaded');
    } catch (err) {
      this.#failures += 1;
      const reason = `the keys of provider ${provider} cannot be loaded from ${url}: ${reasonOf(err)}`;
      if (this.#keys === undefined) health.set(this.#check, false, reason);
      logger.warn(
        { provider, attempt: this.#failures },
        this.#keys === undefined ? reason : `${reason}; the last ones stay in use`,
      );
      this.#refreshIn(Math.min(retryMs.max, retryMs.first * 2 ** Math.min(this.#failures, 20)));
    }
  }

  #refreshIn(delayMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#refresh(), delayMs).unref();
  }
}

/** How long an answer may be used, ms: `max-age` within 1 min..24 h, 10 min where it says nothing. */
export function cacheLifetimeMs(cacheControl: string | null): number {
  const directives = (cacheControl ?? '').toLowerCase();
  if (/(?:^|[\s,])no-(?:store|cache)(?:[\s,=]|$)/.test(directives)) return lifetimeMs.min;
  const maxAge = /(?:^|[\s,])max-age="?(\d{1,10})/.exec(directives)?.[1];
  if (maxAge === undefined) return lifetimeMs.unsaid;
  return Math.min(lifetimeMs.max, Math.max(lifetimeMs.min, Number(maxAge) * 1_000));
}

async function downloadKeySet(url: string): Promise<{ text: string; maxAgeMs: number }> {
  const response = await fetch(url, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(downloadTimeoutMs),
  });
  const text = await readBounded(response);
  if (!response.ok) throw new Error(`it answered ${response.status}`);
  return { text, maxAgeMs: cacheLifetimeMs(response.headers.get('cache-control')) };
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > setBytesMax) throw new Error('its answer is larger than 1 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function reasonOf(err: unknown): string {
  if (!(err instanceof Error)) return String(err);
  if (err.name === 'TimeoutError') return `no answer within ${downloadTimeoutMs / 1_000} s`;
  const { cause } = err;
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return cause.errors[0].message;
  return cause instanceof Error ? cause.message : err.message;
}

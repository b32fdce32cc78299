import { Pool, type Dispatcher } from 'undici';
import { ClientAddresses } from './client-addresses.js';
import type { LogEntry } from './log-entry.js';
import { Tally } from './tally.js';

export interface SendOptions {
  /** Replay listener of the gateway, e.g. http://127.0.0.1:8081. */
  readonly origin: string;
  /** Stands before each recorded path, e.g. /site. */
  readonly pathPrefix: string;
  /** Part of every request id: `replay-<run>-<line>`. */
  readonly run: string;
  /** Recorded seconds per second; Infinity: as fast as the gateway answers. */
  readonly speed: number;
  /** Requests in flight at most. */
  readonly concurrency: number;
  /** Called as answers arrive. */
  readonly onProgress: (done: number) => void;
  readonly signal: AbortSignal;
}

/** How long one answer may take, ms: well above every time-out of the gateway, so that the gateway's own answer counts. */
const answerTimeoutMs = 60_000;

/** Sends recorded requests through a gateway, each client as itself, and counts what came back. */
export async function sendLog(entries: readonly LogEntry[], options: SendOptions): Promise<Tally> {
  const pool = new Pool(options.origin, { connections: options.concurrency, pipelining: 1, headersTimeout: answerTimeoutMs, bodyTimeout: answerTimeoutMs });
  const addresses = new ClientAddresses();
  const tally = new Tally();
  const firstAtMs = entries[0]?.atMs ?? 0;
  const startedAtMs = performance.now();
  let next = 0;
  const work = async (): Promise<void> => {
    for (;;) {
      const entry = entries[next];
      if (entry === undefined || options.signal.aborted) return;
      next += 1;
      const dueMs = Number.isFinite(options.speed) ? startedAtMs + (entry.atMs - firstAtMs) / options.speed : 0;
      await waitUntilMs(dueMs, options.signal);
      if (options.signal.aborted) return;
      await sendOne(pool, entry, { options, tally, address: addresses.addressOf(entry.client) });
      options.onProgress(tally.done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.concurrency, entries.length) }, work));
  await pool.close();
  return tally;
}

interface Sending {
  readonly options: SendOptions;
  readonly tally: Tally;
  readonly address: string;
}

async function sendOne(pool: Pool, entry: LogEntry, { options, tally, address }: Sending): Promise<void> {
  const sentAtMs = performance.now();
  tally.sent(sentAtMs);
  try {
    const answer = await pool.request(toRequest(entry, options, address));
    await answer.body.dump({ limit: Number.MAX_SAFE_INTEGER });
    const isOurs = String(answer.headers['content-type']).startsWith('application/problem+json');
    tally.answered({ client: entry.client, status: answer.statusCode, isDenied: isOurs && answer.statusCode === 429, sentAtMs, nowMs: performance.now() });
  } catch (error) {
    tally.failed(entry.client, error as Error, performance.now());
  }
}

/** Recorded server errors are asked for as 200: a replay tells the gateway's own failures from those of the past. */
function toRequest(entry: LogEntry, options: SendOptions, address: string): Dispatcher.RequestOptions {
  const status = entry.status >= 500 ? 200 : entry.status;
  return {
    method: entry.method,
    path: `${options.pathPrefix}${entry.target}`,
    headers: {
      'x-forwarded-for': address,
      'x-request-id': `replay-${options.run}-${entry.line}`,
      'x-demo-status': String(status),
      'x-demo-size': String(entry.bytes),
      ...(entry.userAgent === '' ? {} : { 'user-agent': toFieldValue(entry.userAgent) }),
    },
  };
}

/** What a field value may hold; a log writes other bytes as escapes. */
const toFieldValue = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?').trim();

async function waitUntilMs(dueMs: number, signal: AbortSignal): Promise<void> {
  const leftMs = dueMs - performance.now();
  if (leftMs <= 0) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, leftMs);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}

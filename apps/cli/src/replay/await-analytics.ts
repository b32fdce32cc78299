import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { requestJson } from '../request-json.js';
import type { AnalyticsCount } from './replay-report.js';

/** Where the analytics are asked about a run. */
export interface AnalyticsAccess {
  readonly api: URL;
  readonly adminToken: string;
  readonly run: string;
}

export interface AwaitAnalyticsOptions extends AnalyticsAccess {
  /** Requests that reached the gateway. */
  readonly sent: number;
  /** How long events may take to arrive, ms. */
  readonly patienceMs: number;
}

const askEveryMs = 250;
/** All are there: so long again is waited for one that should not be. */
const settleMs = 600;

/** One question: what is counted of so many requests. */
export function askAnalytics({ api, adminToken, run }: AnalyticsAccess, sent: number): Promise<AnalyticsCount> {
  return requestJson<AnalyticsCount>({
    url: new URL(`/v1/replays/${run}?sent=${sent}`, api),
    headers: { authorization: `Bearer ${adminToken}` },
    who: 'analytics',
    hint: 'start it with "tidegate up", or name another with --analytics',
  });
}

/**
 * Asks until every request of the run is counted or the patience is over; a late duplicate is waited for, too. Analytics that
 * are away have the same patience: they may have been killed during the replay, and go on where they were.
 */
export async function awaitAnalytics({ sent, patienceMs, ...access }: AwaitAnalyticsOptions): Promise<AnalyticsCount> {
  const endsAtMs = performance.now() + patienceMs;
  const ask = () => askAnalytics(access, sent);
  for (;;) {
    const count = await ask().catch((error: unknown) => {
      if (!isAway(error) || performance.now() > endsAtMs) throw error;
      return undefined;
    });
    if (count?.missing === 0) break;
    if (count !== undefined && performance.now() > endsAtMs) return toCount(count);
    await sleep(askEveryMs);
  }
  await sleep(settleMs);
  return toCount(await ask());
}

const isAway = (error: unknown): boolean => error instanceof CliError && error.exitCode === exitCodes.unavailable;

const toCount = ({ counted, missing, duplicated }: AnalyticsCount): AnalyticsCount => ({ counted, missing, duplicated });

const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

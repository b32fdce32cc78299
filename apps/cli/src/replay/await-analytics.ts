import { requestJson } from '../request-json.js';
import type { AnalyticsCount } from './replay-report.js';

export interface AwaitAnalyticsOptions {
  readonly api: URL;
  readonly adminToken: string;
  readonly run: string;
  /** Requests that reached the gateway. */
  readonly sent: number;
  /** How long events may take to arrive, ms. */
  readonly patienceMs: number;
}

const askEveryMs = 250;
/** All are there: so long again is waited for one that should not be. */
const settleMs = 600;

/** Asks until every request of the run is counted or the patience is over; a late duplicate is waited for, too. */
export async function awaitAnalytics({ api, adminToken, run, sent, patienceMs }: AwaitAnalyticsOptions): Promise<AnalyticsCount> {
  const endsAtMs = performance.now() + patienceMs;
  const ask = () =>
    requestJson<AnalyticsCount>({
      url: new URL(`/v1/replays/${run}?sent=${sent}`, api),
      headers: { authorization: `Bearer ${adminToken}` },
      who: 'analytics',
      hint: 'start it with "tidegate up", or name another with --analytics',
    });
  for (;;) {
    const { counted, missing, duplicated } = await ask();
    if (missing === 0) break;
    if (performance.now() > endsAtMs) return { counted, missing, duplicated };
    await sleep(askEveryMs);
  }
  await sleep(settleMs);
  const { counted, missing, duplicated } = await ask();
  return { counted, missing, duplicated };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

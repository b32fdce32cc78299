import { randomBytes } from 'node:crypto';
import { Agent } from 'node:http';
import { waitUntil } from '@tidegate/testkit';
import { ask } from './ask.js';
import { askAnalytics } from './start-stack.js';
import type { StackConfig } from './stack-config.js';

/** One request of a load, and what came of it. */
export interface LoadSample {
  readonly requestId: string;
  readonly client: string;
  readonly sentAtMs: number;
  readonly tookMs: number;
  /** 0: no answer. */
  readonly status: number;
  /** Code of the connection's error, or last word of the problem's type; '' for a good answer. */
  readonly problem: string;
}

export interface LoadOptions {
  /** Requests in flight of one client that asks far too often. */
  readonly hot?: number;
  /** Requests in flight of clients that come now and then. */
  readonly calm?: number;
  readonly path?: string;
}

interface EventPage {
  readonly items: readonly { readonly requestId: string; readonly degraded: boolean }[];
  readonly next?: string | null;
}

const calmClients = 150;

/** Traffic through the replay listener, each client as itself, until it is stopped; counted on both ends. */
export class Load {
  readonly run = randomBytes(6).toString('hex');
  readonly samples: LoadSample[] = [];
  readonly #config: StackConfig;
  readonly #path: string;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #workers: Promise<void>[];
  #sent = 0;
  #isStopping = false;

  constructor(config: StackConfig, { hot = 2, calm = 3, path = '/site/page' }: LoadOptions = {}) {
    this.#config = config;
    this.#path = path;
    const hotClient = (): string => '198.51.100.7';
    const calmClient = (): string => `203.0.113.${this.#sent % calmClients}`;
    this.#workers = [...Array.from({ length: hot }, () => this.#work(hotClient, 15)), ...Array.from({ length: calm }, () => this.#work(calmClient, 25))];
  }

  get sent(): number {
    return this.#sent;
  }

  /** Those sent since a sample count noted before. */
  since(count: number): LoadSample[] {
    return this.samples.slice(count);
  }

  /** Resolves when so many more answers came. */
  async more(count: number): Promise<void> {
    const due = this.samples.length + count;
    await waitUntil(`${count} more answers`, () => (this.samples.length >= due ? true : undefined), 60_000);
  }

  /** Sends nothing more; resolves when everything was answered. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#workers);
    this.#agent.destroy();
  }

  /** What the analytics counted, once everything sent is there and a late duplicate had its time. */
  async counted(patienceMs = 60_000): Promise<{ counted: number; missing: number; duplicated: number }> {
    const path = `/v1/replays/${this.run}?sent=${this.#sent}`;
    const question = () => askAnalytics<{ counted: number; missing: number; duplicated: number }>(this.#config, path);
    await waitUntil('everything is counted', async () => ((await question()).missing === 0 ? true : undefined), patienceMs).catch(() => undefined);
    await sleep(600);
    const { counted, missing, duplicated } = await question();
    return { counted, missing, duplicated };
  }

  /** Ids of the requests that were decided by a failure mode, as the analytics have them. */
  async degraded(): Promise<Set<string>> {
    const ids = new Set<string>();
    let cursor = '';
    do {
      const path = `/v1/events?pageSize=1000&requestIdPrefix=replay-${this.run}-${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const { items, next } = await askAnalytics<EventPage>(this.#config, path);
      for (const { requestId, degraded } of items) if (degraded) ids.add(requestId);
      cursor = next ?? '';
    } while (cursor !== '');
    return ids;
  }

  async #work(client: () => string, pauseMs: number): Promise<void> {
    while (!this.#isStopping) {
      this.#sent += 1;
      await this.#one(client(), this.#sent);
      await sleep(pauseMs);
    }
  }

  async #one(client: string, line: number): Promise<void> {
    const sentAtMs = performance.now();
    const requestId = `replay-${this.run}-${line}`;
    const fields = { 'x-forwarded-for': client, 'x-request-id': requestId };
    const { status, problem } = await ask({ port: this.#config.portOf('replay'), path: this.#path, fields, agent: this.#agent }).then(
      (answer) => ({ status: answer.status, problem: problemCode(answer.body, answer.fields['content-type']) }),
      (error: NodeJS.ErrnoException) => ({ status: 0, problem: error.code ?? error.message }),
    );
    this.samples.push({ requestId, client, sentAtMs, tookMs: performance.now() - sentAtMs, status, problem });
  }
}

function problemCode(body: string, type: string | undefined): string {
  if (type !== 'application/problem+json') return '';
  return /[a-z-]+$/.exec((JSON.parse(body) as { type: string }).type)?.[0] ?? 'unknown';
}

/** How many samples had each status and problem, e.g. `429 quota-exceeded`. */
export function tallyOf(samples: readonly LoadSample[]): Record<string, number> {
  const tally: Record<string, number> = {};
  for (const { status, problem } of samples) {
    const key = `${status} ${problem}`.trim();
    tally[key] = (tally[key] ?? 0) + 1;
  }
  return tally;
}

/** The samples that are no answer of a healthy path. */
export const failuresOf = (samples: readonly LoadSample[]): LoadSample[] => samples.filter(({ status }) => status !== 200 && status !== 429);

/** The limit of a load's route, and how many more tokens than that may have been had. */
export interface Bound {
  readonly rate: number;
  readonly burst: number;
  readonly extra: number;
}

/** Clients let through more often than burst + rate * T (limiter/B1) and the extra. A request without an answer may have passed: it counts. */
export function overBound(samples: readonly LoadSample[], { rate, burst, extra }: Bound): string[] {
  const first = Math.min(...samples.map(({ sentAtMs }) => sentAtMs));
  const last = Math.max(...samples.map(({ sentAtMs, tookMs }) => sentAtMs + tookMs));
  const bound = burst + (rate * (last - first)) / 1_000 + extra;
  const allowed = new Map<string, number>();
  for (const { client, status } of samples) if (status !== 429) allowed.set(client, (allowed.get(client) ?? 0) + 1);
  return [...allowed].filter(([, count]) => count > bound).map(([client, count]) => `${client}: ${count} > ${bound}`);
}

/** The value at a quantile, ms. */
export function latencyMs(samples: readonly LoadSample[], quantile: number): number {
  const sorted = samples.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? 0;
}

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

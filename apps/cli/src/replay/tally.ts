/** One answer. */
export interface Answer {
  readonly client: string;
  readonly status: number;
  /** The gateway itself said 429: a service's 429 is an allowed request. */
  readonly isDenied: boolean;
  readonly sentAtMs: number;
  readonly nowMs: number;
}

/** What one client was answered. */
export interface ClientTally {
  allowed: number;
  denied: number;
}

/** Counts a replay while it runs. Times are on one monotonic clock, in ms. */
export class Tally {
  readonly statuses = new Map<number, number>();
  readonly clients = new Map<string, ClientTally>();
  /** Requests without an answer, by what was wrong with the connection. */
  readonly failures = new Map<string, number>();
  readonly #latenciesMs: number[] = [];
  #sent = 0;
  #done = 0;
  #firstSentAtMs = 0;
  #lastAnswerAtMs = 0;

  get sentCount(): number {
    return this.#sent;
  }

  get done(): number {
    return this.#done;
  }

  /** T of the bound: from the first request sent to the last answer received. */
  get spanMs(): number {
    return Math.max(0, this.#lastAnswerAtMs - this.#firstSentAtMs);
  }

  sent(nowMs: number): void {
    if (this.#sent === 0) this.#firstSentAtMs = nowMs;
    this.#sent += 1;
  }

  answered({ client, status, isDenied, sentAtMs, nowMs }: Answer): void {
    this.#settle(nowMs);
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    this.#latenciesMs.push(nowMs - sentAtMs);
    const counts = this.#clientOf(client);
    if (isDenied) counts.denied += 1;
    else counts.allowed += 1;
  }

  /** No answer: the request may have passed the limiter, so it counts as allowed. */
  failed(client: string, error: Error & { readonly code?: string }, nowMs: number): void {
    this.#settle(nowMs);
    const why = error.code ?? error.name;
    this.failures.set(why, (this.failures.get(why) ?? 0) + 1);
    this.#clientOf(client).allowed += 1;
  }

  /** Latency at a quantile in [0, 1], ms; 0 without answers. */
  latencyMs(quantile: number): number {
    const sorted = this.#latenciesMs.sort((a, b) => a - b);
    return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? 0) * 1_000) / 1_000;
  }

  #settle(nowMs: number): void {
    this.#done += 1;
    this.#lastAnswerAtMs = nowMs;
  }

  #clientOf(client: string): ClientTally {
    const known = this.clients.get(client);
    if (known !== undefined) return known;
    const counts = { allowed: 0, denied: 0 };
    this.clients.set(client, counts);
    return counts;
  }
}

import type { Clock } from '@tidegate/units';

const halfWindowMs = 5_000;
const retriesAlwaysAllowed = 10;
const ratio = 0.2;

/**
 * Keeps retries at 20 % of the requests of the last 5 to 10 s (gateway/U5), so that retries cannot multiply an outage.
 * Ten retries per window are free: a service with little traffic has no budget otherwise.
 */
export class RetryBudget {
  readonly #clock: Clock;
  #half = 0;
  #requests = [0, 0];
  #retries = [0, 0];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a request (not its retries). */
  countRequest(): void {
    this.#turn();
    this.#requests[0] = (this.#requests[0] ?? 0) + 1;
  }

  /** One more retry is within the budget. */
  get hasRetry(): boolean {
    this.#turn();
    const requests = (this.#requests[0] ?? 0) + (this.#requests[1] ?? 0);
    const retries = (this.#retries[0] ?? 0) + (this.#retries[1] ?? 0);
    return retries < retriesAlwaysAllowed + ratio * requests;
  }

  /** Counts a retry. */
  takeRetry(): void {
    this.#turn();
    this.#retries[0] = (this.#retries[0] ?? 0) + 1;
  }

  #turn(): void {
    const half = Math.floor(this.#clock.monotonicMs() / halfWindowMs);
    if (half === this.#half) return;
    const isNext = half === this.#half + 1;
    this.#requests = [0, isNext ? (this.#requests[0] ?? 0) : 0];
    this.#retries = [0, isNext ? (this.#retries[0] ?? 0) : 0];
    this.#half = half;
  }
}

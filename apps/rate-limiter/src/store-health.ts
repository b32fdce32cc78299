import type { Clock } from '@tidegate/units';

/** So many failed calls in a row turn a replica to its failure mode (limiter/F2). */
const failuresMax = 3;

/** So long without a reply, while calls are made, does the same, in ms. */
const silenceMsMax = 1_000;

/** How often an absent store is asked whether it is back, in ms. */
const probeEveryMs = 250;

export interface StoreHealthOptions {
  readonly clock: Clock;
  /** Asks the store for a sign of life that proves it takes writes; rejects while it does not. */
  readonly probe: () => Promise<void>;
  /** Called once when the replica turns to its failure mode, with the last reason. */
  readonly onDegraded: (reason: string) => void;
  /** Called when the store answers again, before decisions go to it; what it rejects with keeps the replica degraded. */
  readonly onReturn: () => Promise<void>;
  /** Called once when decisions go to the store again. */
  readonly onRecovered: () => void;
}

/** Whether decisions go to the store, or to the failure mode until it is back (limiter/F2). */
export class StoreHealth {
  readonly #options: StoreHealthOptions;
  #failures = 0;
  #silentSinceMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isProbing = false;
  #isClosed = false;
  isDegraded = false;

  constructor(options: StoreHealthOptions) {
    this.#options = options;
  }

  replied(): void {
    this.#failures = 0;
    this.#silentSinceMs = undefined;
  }

  failed(reason: string): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#failures += 1;
    this.#silentSinceMs ??= nowMs;
    if (this.#failures >= failuresMax || nowMs - this.#silentSinceMs >= silenceMsMax) this.degrade(reason);
  }

  /** Turns to the failure mode now, e.g. at a start without a store. */
  degrade(reason: string): void {
    if (this.isDegraded || this.#isClosed) return;
    this.isDegraded = true;
    this.#options.onDegraded(reason);
    this.#timer = setInterval(() => void this.#probe(), probeEveryMs).unref();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }

  async #probe(): Promise<void> {
    if (this.#isProbing) return;
    this.#isProbing = true;
    try {
      await this.#options.probe();
      await this.#options.onReturn();
      this.#recover();
    } catch {
      // Still away: the next probe asks again.
    } finally {
      this.#isProbing = false;
    }
  }

  #recover(): void {
    if (!this.isDegraded || this.#isClosed) return;
    clearInterval(this.#timer);
    this.replied();
    this.isDegraded = false;
    this.#options.onRecovered();
  }
}

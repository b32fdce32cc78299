import { Fault } from '@tidegate/fault';
import type { Clock } from '@tidegate/units';
import CircuitBreaker from 'opossum';
import type { BreakerConfig } from './services-schema.js';

export type CircuitState = 'closed' | 'open' | 'half-open';

/** What an operator may say: hold it open, hold it closed, or let it decide. */
export type CircuitHold = 'open' | 'closed' | 'auto';

/** One change of state. */
export interface CircuitChange {
  readonly from: CircuitState;
  readonly to: CircuitState;
  readonly cause: string;
}

export interface CircuitOptions {
  readonly name: string;
  readonly config: BreakerConfig;
  readonly clock: Clock;
  readonly onChange: (change: CircuitChange) => void;
}

/** Work that came to an end which counts as an error although it has a value, such as a 5xx or a slow answer (gateway/U4). */
export class CountedError<T> extends Error {
  override readonly name = 'CountedError';
  readonly value: T;

  constructor(value: T) {
    super('counted as an error');
    this.value = value;
  }
}

/** Faults that say something of the upstream; the others are the client's or ours and count neither way. */
const upstreamFaults = new Set(['upstream-unreachable', 'upstream-bad-response', 'upstream-timeout', 'upstream-unavailable']);

const windowBuckets = 10;
type Work = () => Promise<unknown>;

/** A circuit breaker (opossum without its timeout) with an operator's hold, for a service or one of its upstreams. */
export class Circuit {
  readonly name: string;
  readonly #config: BreakerConfig;
  readonly #clock: Clock;
  readonly #onChange: (change: CircuitChange) => void;
  readonly #breaker: CircuitBreaker<[Work]>;
  #hold: CircuitHold = 'auto';
  #state: CircuitState = 'closed';
  #openedAtMs = 0;

  constructor({ name, config, clock, onChange }: CircuitOptions) {
    this.name = name;
    this.#config = config;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#breaker = new CircuitBreaker((work: Work) => work(), {
      name,
      timeout: false,
      // opossum opens above the threshold, the contract says at it.
      errorThresholdPercentage: config.errorRatio * 100 - 1e-6,
      resetTimeout: config.openForMs,
      rollingCountTimeout: config.windowMs,
      rollingCountBuckets: windowBuckets,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      volumeThreshold: config.minRequests,
      // A trial that ended for a reason of the client's proves nothing: the breaker opens again.
      errorFilter: (error: unknown) => !countsAsError(error) && !this.#breaker.halfOpen,
    });
    this.#breaker.on('open', () => this.#opened());
    this.#breaker.on('halfOpen', () => this.#halfOpened());
    this.#breaker.on('close', () => this.#closed());
  }

  get state(): CircuitState {
    return this.#state;
  }

  get hold(): CircuitHold {
    return this.#hold;
  }

  /** A call would be let through: closed, or half-open with no trial under way. */
  get isUsable(): boolean {
    return this.#breaker.closed || (this.#breaker.pendingClose && this.#hold !== 'open');
  }

  /** Time until it may be half-open, at least 1 ms; Retry-After comes from it. */
  get retryAfterMs(): number {
    return Math.max(1, this.#openedAtMs + this.#config.openForMs - this.#clock.monotonicMs());
  }

  /**
   * Runs the work if the breaker lets it. A rejection with a CountedError or an upstream's fault counts as an error.
   * @throws what the work throws; Fault upstream-unavailable with Retry-After when the breaker is open
   */
  fire<T>(work: () => Promise<T>): Promise<T> {
    if (this.#breaker.closed && this.#hold === 'auto') return this.#fireClosed(work);
    return this.isUsable ? (this.#breaker.fire(work) as Promise<T>) : Promise.reject(this.#refusal());
  }

  /** While it is closed opossum only counts: good work tells it so by its events, which is a third of the cost of a fire. */
  async #fireClosed<T>(work: () => Promise<T>): Promise<T> {
    const startedAtMs = this.#clock.monotonicMs();
    try {
      const value = await work();
      this.#breaker.emit('fire');
      this.#breaker.emit('success', value, this.#clock.monotonicMs() - startedAtMs);
      return value;
    } catch (error) {
      if (!this.#breaker.closed) throw error;
      return (await this.#breaker.fire(() => Promise.reject(error))) as T;
    }
  }

  /** Counts one error more: an answer that broke after its head (gateway/U4). */
  countError(): void {
    this.#breaker.fire(() => Promise.reject(new CountedError(undefined))).catch(() => undefined);
  }

  /** Holds the breaker open or closed, or lets it decide again (from closed, or within the open time from open). */
  holdAt(hold: CircuitHold): void {
    if (hold === this.#hold) return;
    this.#hold = hold;
    if (hold === 'closed') {
      this.#breaker.close();
      this.#breaker.disable();
      return;
    }
    this.#breaker.enable();
    if (hold === 'open') this.#breaker.open();
  }

  /** Stops its timers. */
  close(): void {
    this.#breaker.shutdown();
  }

  #refusal(): Fault {
    const seconds = Math.ceil(this.retryAfterMs / 1_000);
    return new Fault('upstream-unavailable', `breaker ${this.name} is ${this.#state}`, { fields: ['retry-after', String(seconds)] });
  }

  #opened(): void {
    this.#openedAtMs = this.#clock.monotonicMs();
    const { failures, fires } = this.#breaker.stats;
    const wasTrial = this.#state === 'half-open';
    const counted = wasTrial ? 'the trial failed' : `${failures} errors in ${fires} requests`;
    this.#change('open', this.#hold === 'open' ? 'held open by an operator' : counted);
  }

  #halfOpened(): void {
    if (this.#hold === 'open') this.#breaker.open();
    else this.#change('half-open', 'open time is over');
  }

  /** The window starts empty: old errors would open it again at the first new one. */
  #closed(): void {
    const status = this.#breaker.status as unknown as { rotateBucket(): void };
    for (let i = 0; i < windowBuckets; i += 1) status.rotateBucket();
    this.#change('closed', this.#hold === 'closed' ? 'held closed by an operator' : 'the trial succeeded');
  }

  #change(to: CircuitState, cause: string): void {
    const from = this.#state;
    if (from === to) return;
    this.#state = to;
    this.#onChange({ from, to, cause });
  }
}

function countsAsError(error: unknown): boolean {
  return error instanceof CountedError || (error instanceof Fault && upstreamFaults.has(error.code)) || !(error instanceof Fault);
}

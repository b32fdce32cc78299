import type { BucketStore, TakeResult } from '@tidegate/rate-limit';
import type { Clock } from '@tidegate/units';
import type { OpenCheck } from './open-check.js';
import { checksPerCallMax } from './store/redis-bucket-store.js';

/** Most store calls in flight (limiter/P3). */
export const callsInFlightMax = 4;

/** How often deadlines are looked at while anything waits, in ms. */
const sweepEveryMs = 5;

/** What the batcher tells of its store calls. */
export interface StoreBatcherOwner {
  /** A check was decided by the store, or found no room in it (undefined). */
  taken(open: OpenCheck, result: TakeResult): void;
  /** The outcome of a check is unknown: its failure mode answers, and it is never sent again (limiter/F3). */
  unknown(open: OpenCheck): void;
  /** A check's time passed before it was sent: undecided and not charged (limiter/P4). */
  late(open: OpenCheck): void;
  /** A store call was answered; it took this long. */
  replied(latencyMs: number, checks: number): void;
  /** A store call failed or was not answered in time. */
  failed(reason: string): void;
}

interface StoreCall {
  readonly checks: OpenCheck[];
  readonly sentAtMs: number;
  sweeps: number;
  isAbandoned: boolean;
}

/**
 * Checks that wait together leave in one store call (limiter/P3): at once while fewer than four calls are in flight, else
 * with the next reply. No timer makes a check wait; one coarse timer only ends waits that lasted too long.
 */
export class StoreBatcher {
  readonly #store: BucketStore;
  readonly #owner: StoreBatcherOwner;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #inFlight = new Set<StoreCall>();
  /** Replies that arrived while this process was busy are read first: timers run before sockets, immediates after. */
  readonly #sweepLater = (): void => this.#sweep();
  #queue: OpenCheck[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { store: BucketStore; owner: StoreBatcherOwner; clock: Clock; timeoutMs: number }) {
    this.#store = options.store;
    this.#owner = options.owner;
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs;
  }

  /** Queues a check; call `send` when all that arrived together are queued. */
  submit(open: OpenCheck): void {
    this.#queue.push(open);
  }

  /** Sends what waits, as far as calls may be in flight. */
  send(): void {
    while (this.#queue.length > 0 && this.#inFlight.size < callsInFlightMax) this.#sendBatch();
  }

  /** Hands everything that waits or is in flight to the failure mode: the store is away. */
  abandonAll(): void {
    const queue = this.#queue;
    this.#queue = [];
    for (const call of this.#inFlight) this.#abandon(call);
    for (const open of queue) this.#owner.unknown(open);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #sendBatch(): void {
    const nowMs = this.#clock.monotonicMs();
    const waiting = this.#queue.length <= checksPerCallMax ? this.#queue : this.#queue.splice(0, checksPerCallMax);
    if (waiting === this.#queue) this.#queue = [];
    const checks = waiting.some((open) => open.deadlineMs <= nowMs) ? waiting.filter((open) => !this.#isLate(open, nowMs)) : waiting;
    if (checks.length === 0) return;
    const taken = this.#take(checks);
    if (Array.isArray(taken)) this.#settle(checks, taken);
    else this.#await({ checks, sentAtMs: nowMs, sweeps: 0, isAbandoned: false }, taken);
  }

  #take(checks: readonly OpenCheck[]): TakeResult[] | Promise<TakeResult[]> {
    try {
      return this.#store.take(checks.map(({ prepared }) => prepared));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #await(call: StoreCall, taken: Promise<TakeResult[]>): void {
    this.#inFlight.add(call);
    this.#timer ??= setInterval(() => setImmediate(this.#sweepLater), sweepEveryMs).unref();
    taken.then(
      (results) => this.#onReply(call, results),
      (error: Error) => this.#onFailure(call, error.message),
    );
  }

  #onReply(call: StoreCall, results: TakeResult[]): void {
    this.#inFlight.delete(call);
    this.#owner.replied(this.#clock.monotonicMs() - call.sentAtMs, call.checks.length);
    this.#settle(call.checks, results);
    this.send();
  }

  #settle(checks: readonly OpenCheck[], results: readonly TakeResult[]): void {
    for (let index = 0; index < checks.length; index += 1) this.#owner.taken(checks[index] as OpenCheck, results[index]);
  }

  #onFailure(call: StoreCall, reason: string): void {
    const wasAbandoned = call.isAbandoned;
    this.#abandon(call);
    if (!wasAbandoned) this.#owner.failed(reason);
    this.send();
  }

  #abandon(call: StoreCall): void {
    call.isAbandoned = true;
    this.#inFlight.delete(call);
    for (const open of call.checks) if (!open.isSettled) this.#owner.unknown(open);
  }

  /** Two sweeps at least pass before a call counts as unanswered, so that a stall of our own is not taken for the store's. */
  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const call of this.#inFlight) this.#sweepCall(call, nowMs);
    if (this.#queue.some((open) => open.deadlineMs <= nowMs)) this.#queue = this.#queue.filter((open) => !this.#isLate(open, nowMs));
    this.send();
    if (this.#inFlight.size === 0) this.close();
  }

  #sweepCall(call: StoreCall, nowMs: number): void {
    call.sweeps += 1;
    if (call.sweeps < 2) return;
    if (nowMs - call.sentAtMs >= this.#timeoutMs) {
      this.#abandon(call);
      this.#owner.failed(`no reply within ${this.#timeoutMs} ms`);
      return;
    }
    for (const open of call.checks) if (!open.isSettled && open.deadlineMs <= nowMs) this.#owner.unknown(open);
  }

  #isLate(open: OpenCheck, nowMs: number): boolean {
    if (open.deadlineMs > nowMs) return false;
    this.#owner.late(open);
    return true;
  }
}

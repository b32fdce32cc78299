/** Something that waits until a deadline unless it is settled before. */
export interface Expiring {
  readonly isSettled: boolean;
  expire(): void;
}

const slots = 4_096;

/**
 * One coarse timer for all deadlines: a ring of slots of `tickMs` each, run by one interval while anything waits. A deadline
 * fires within one tick before its time, never after it by more than the event loop is late.
 */
export class DeadlineWheel<T extends Expiring> {
  readonly #ring: T[][] = Array.from({ length: slots }, () => []);
  readonly #tickMs: number;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;
  #lastTick = 0;
  #held = 0;

  /**
   * @param tickMs width of a slot
   * @param now monotonic milliseconds
   */
  constructor(tickMs: number, now: () => number) {
    this.#tickMs = tickMs;
    this.#now = now;
  }

  /** Adds an entry; deadlines further away than the ring is long (20 s at 5 ms) fire when the ring ends. */
  add(entry: T, deadlineMs: number): void {
    if (this.#held === 0) this.#start();
    const ahead = Math.floor(deadlineMs / this.#tickMs) - this.#lastTick;
    const tick = this.#lastTick + Math.min(slots - 1, Math.max(1, ahead));
    this.#ring[tick % slots]?.push(entry);
    this.#held += 1;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #start(): void {
    this.#lastTick = Math.floor(this.#now() / this.#tickMs);
    this.#timer ??= setInterval(() => this.#onTick(), this.#tickMs).unref();
  }

  /** Answers that arrived while this process was busy are read first: timers run before sockets, immediates after. */
  #onTick(): void {
    const nowMs = this.#now();
    setImmediate(() => this.#advanceTo(nowMs));
  }

  /** Fires all slots whose time has come. */
  #advanceTo(nowMs: number): void {
    const target = Math.floor(nowMs / this.#tickMs);
    while (this.#lastTick < target && this.#held > 0) {
      this.#lastTick += 1;
      this.#fire(this.#lastTick % slots);
    }
    if (this.#held === 0) this.stop();
  }

  #fire(slot: number): void {
    const due = this.#ring[slot] ?? [];
    if (due.length === 0) return;
    this.#ring[slot] = [];
    this.#held -= due.length;
    for (const entry of due) if (!entry.isSettled) entry.expire();
  }
}

import type { Clock } from '@tidegate/units';

/** Something that ends at a point in time unless it is removed before. */
export interface Expiring {
  /** Monotonic ms. */
  readonly deadlineAtMs: number;
  /** Place in the wheel, written by the wheel alone; start with -1. */
  wheelSlot: number;
  wheelIndex: number;
  /** Called once, at most one tick late. */
  expire(): void;
}

const tickMs = 16;
const slots = 1_024;

/**
 * Deadlines of many calls on one timer: adding and removing is a push and a swap, and an entry that was removed is not
 * kept alive. Entries further off than one turn (16 s) stay in their slot until their turn comes.
 */
export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #slots: Expiring[][] = Array.from({ length: slots }, () => []);
  #timer: NodeJS.Timeout | undefined;
  #lastTick = 0;
  #size = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Entries that wait. */
  get size(): number {
    return this.#size;
  }

  add(entry: Expiring): void {
    const now = Math.floor(this.#clock.monotonicMs() / tickMs);
    const tick = Math.max(now + 1, Math.ceil(entry.deadlineAtMs / tickMs));
    const slot = tick % slots;
    const list = this.#slots[slot] ?? [];
    entry.wheelSlot = slot;
    entry.wheelIndex = list.push(entry) - 1;
    this.#size += 1;
    if (this.#timer !== undefined) return;
    this.#lastTick = now;
    this.#timer = setInterval(() => this.tick(), tickMs).unref();
  }

  /** Takes an entry out; nothing happens if it is not in. */
  remove(entry: Expiring): void {
    if (entry.wheelSlot < 0) return;
    const list = this.#slots[entry.wheelSlot] ?? [];
    const last = list.pop();
    if (last !== undefined && last !== entry) {
      list[entry.wheelIndex] = last;
      last.wheelIndex = entry.wheelIndex;
    }
    entry.wheelSlot = -1;
    this.#size -= 1;
  }

  /** Expires what is due; called by the timer, and by specs that move the clock. */
  tick(): void {
    const nowMs = this.#clock.monotonicMs();
    const now = Math.floor(nowMs / tickMs);
    const from = Math.max(this.#lastTick + 1, now - slots + 1);
    for (let tick = from; tick <= now; tick += 1) this.#expireSlot(this.#slots[tick % slots] ?? [], nowMs);
    this.#lastTick = now;
    if (this.#size === 0) this.close();
  }

  /** Stops the timer; the next entry starts it again. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #expireSlot(list: readonly Expiring[], nowMs: number): void {
    for (let i = list.length - 1; i >= 0; i -= 1) {
      const entry = list[i];
      if (entry === undefined || entry.deadlineAtMs > nowMs) continue;
      this.remove(entry);
      entry.expire();
    }
  }
}

import type { Event } from '@tidegate/grpc';

/** Bounded queue of published events that no flush has seen yet. When it is full the oldest give way. */
export class EventRing {
  readonly #events: (Event | undefined)[];
  readonly #principals: string[];
  #first = 0;
  #count = 0;

  /** @param capacity events, a power of two */
  constructor(capacity: number) {
    this.#events = Array.from({ length: capacity });
    this.#principals = Array.from({ length: capacity }, () => '');
  }

  get count(): number {
    return this.#count;
  }

  /** Appends; true when the oldest event was overwritten. */
  push(event: Event, principal: string): boolean {
    const mask = this.#events.length - 1;
    const at = (this.#first + this.#count) & mask;
    this.#events[at] = event;
    this.#principals[at] = principal;
    if (this.#count <= mask) {
      this.#count += 1;
      return false;
    }
    this.#first = (this.#first + 1) & mask;
    return true;
  }

  /** Takes all out, oldest first. */
  drain(take: (event: Event, principal: string) => void): void {
    const mask = this.#events.length - 1;
    for (; this.#count > 0; this.#count -= 1) {
      const event = this.#events[this.#first];
      this.#events[this.#first] = undefined;
      const principal = this.#principals[this.#first] ?? '';
      this.#first = (this.#first + 1) & mask;
      if (event !== undefined) take(event, principal);
    }
  }
}

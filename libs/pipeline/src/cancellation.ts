import type { Fault } from '@tidegate/fault';

/** Tells everything that works for one exchange that nobody waits for it any more. Fires at most once. */
export class Cancellation {
  #reason: Fault | undefined;
  #listeners: (() => void)[] = [];

  /** Why, once it has fired. */
  get reason(): Fault | undefined {
    return this.#reason;
  }

  cancel(reason: Fault): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }

  /** Calls the listener when it fires, at once if it has. Returns the function that takes the listener away. */
  onCancel(listener: () => void): () => void {
    if (this.#reason !== undefined) {
      listener();
      return () => undefined;
    }
    this.#listeners.push(listener);
    return () => {
      const at = this.#listeners.indexOf(listener);
      if (at >= 0) this.#listeners.splice(at, 1);
    };
  }
}

/** What a look at a body's progress says. */
export type BodyVerdict = 'going' | 'silent' | 'slow';

/** What is asked of a body's pace (gateway/H7). */
export interface BodyPace {
  /** Longest time without a byte. */
  readonly idleMs: number;
  /** Least bytes per second in every window. */
  readonly rateMin: number;
  readonly windowMs: number;
}

/**
 * Watches from a coarse timer whether bytes keep moving: told how many there were, it says when there was none for too
 * long, or too few in a window. Time in which nobody was reading is left out.
 */
export class BodyWatch {
  #bytes = 0;
  #silentMs = 0;
  #windowBytes = 0;
  #windowMs = 0;

  /** Begins anew with the next message. */
  reset(): void {
    this.#bytes = 0;
    this.pause();
  }

  /** Nobody is reading: what was silent so far is forgiven. */
  pause(): void {
    this.#silentMs = 0;
    this.#windowBytes = this.#bytes;
    this.#windowMs = 0;
  }

  /**
   * @param bytes moved in all
   * @param elapsedMs since the look before
   */
  look(bytes: number, elapsedMs: number, pace: BodyPace): BodyVerdict {
    this.#silentMs = bytes === this.#bytes ? this.#silentMs + elapsedMs : 0;
    this.#bytes = bytes;
    if (this.#silentMs >= pace.idleMs) return 'silent';
    this.#windowMs += elapsedMs;
    if (this.#windowMs < pace.windowMs) return 'going';
    const rate = ((bytes - this.#windowBytes) / this.#windowMs) * 1000;
    this.#windowBytes = bytes;
    this.#windowMs = 0;
    return rate < pace.rateMin ? 'slow' : 'going';
  }
}

/** A clock that only moves when told to. */
export interface FakeClock {
  nowMs(): number;
  monotonicMs(): number;
  /** Moves both readings on. */
  advance(ms: number): void;
  /** Moves the wall clock alone: a step of NTP, forward or back. */
  step(ms: number): void;
}

/** A fake clock; the monotonic reading starts at 1,000 ms. */
export function fakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  let nowMs = startMs;
  let monotonicMs = 1_000;
  return {
    nowMs: () => nowMs,
    monotonicMs: () => monotonicMs,
    advance: (ms) => {
      nowMs += ms;
      monotonicMs += ms;
    },
    step: (ms) => {
      nowMs += ms;
    },
  };
}

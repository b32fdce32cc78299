/** Time as an argument: production passes `systemClock`, specs pass a clock they move. */
export interface Clock {
  /** Milliseconds since the epoch; may jump. For time stamps. */
  nowMs(): number;
  /** Milliseconds since some fixed point, with fractions; never goes back. For durations and deadlines. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

import type { Logger } from './logger.js';

const linesPerSecondMax = 100;

export interface LineCapOptions {
  readonly logger: Logger;
  /** Lines in a second; the rest is counted and said in one line. Default 100 (limiter/X1, gateway/O1). */
  readonly perSecondMax?: number;
  readonly clock: { monotonicMs(): number };
}

/** Says whether one more line may be written: a flood of failures must not become a flood of lines. */
export function createLineCap({ logger, perSecondMax = linesPerSecondMax, clock }: LineCapOptions): () => boolean {
  let second = 0;
  let written = 0;
  let held = 0;
  return () => {
    const now = Math.floor(clock.monotonicMs() / 1_000);
    if (now !== second) {
      if (held > 0) logger.warn({ held }, 'lines held back in the last second');
      second = now;
      written = 0;
      held = 0;
    }
    if (written >= perSecondMax) {
      held += 1;
      return false;
    }
    written += 1;
    return true;
  };
}

/** Draws `[=====>    ] 4,210/10,000 42% 1,402/s` on one line, a few times a second; on anything but a terminal nothing. */
export interface ProgressBar {
  update(done: number): void;
  /** Clears the line. */
  stop(): void;
}

const width = 28;
const redrawMs = 100;

/** A bar on a stream that is a terminal. @param now monotonic ms */
export function createProgressBar(stream: NodeJS.WriteStream, total: number, now: () => number): ProgressBar {
  const startedAtMs = now();
  let drawnAtMs = Number.NEGATIVE_INFINITY;
  return {
    update(done) {
      if (!stream.isTTY || now() - drawnAtMs < redrawMs) return;
      drawnAtMs = now();
      stream.write(`\r\u001b[K${formatProgress({ done, total, elapsedMs: drawnAtMs - startedAtMs })}`);
    },
    stop() {
      if (stream.isTTY && Number.isFinite(drawnAtMs)) stream.write('\r\u001b[K');
    },
  };
}

/** The text of the bar. */
export function formatProgress({ done, total, elapsedMs }: { readonly done: number; readonly total: number; readonly elapsedMs: number }): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.floor(share * width);
  const bar = `${'='.repeat(filled)}${filled < width ? '>' : ''}`.padEnd(width);
  const rate = elapsedMs > 0 ? Math.round((done * 1_000) / elapsedMs) : 0;
  return `[${bar}] ${done.toLocaleString('en')}/${total.toLocaleString('en')} ${Math.floor(share * 100)}% ${rate.toLocaleString('en')}/s`;
}

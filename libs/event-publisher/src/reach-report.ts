import type { Clock } from '@tidegate/units';
import type { PublisherLogger } from './publisher-logger.js';

export interface ReachReportOptions {
  readonly transport: string;
  readonly clock: Clock;
  readonly logger: PublisherLogger;
}

const repeatMs = 60_000;

/** Says once that the other side is away, once a minute that it still is, and once that it is back. */
export class ReachReport {
  readonly #options: ReachReportOptions;
  #awaySinceMs: number | undefined;
  #saidAtMs = 0;

  constructor(options: ReachReportOptions) {
    this.#options = options;
  }

  failed(err: unknown): void {
    const { clock, logger, transport } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#awaySinceMs !== undefined && nowMs - this.#saidAtMs < repeatMs) return;
    const awayMs = Math.round(nowMs - (this.#awaySinceMs ?? nowMs));
    this.#awaySinceMs ??= nowMs;
    this.#saidAtMs = nowMs;
    logger.warn({ err, transport, awayMs }, 'events: the other side does not take events; they go to the spool and are sent later');
  }

  arrived(): void {
    if (this.#awaySinceMs === undefined) return;
    const { clock, logger, transport } = this.#options;
    const awayMs = Math.round(clock.monotonicMs() - this.#awaySinceMs);
    this.#awaySinceMs = undefined;
    logger.info({ transport, awayMs }, 'events: the other side takes events again');
  }
}

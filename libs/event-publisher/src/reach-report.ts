import type { Clock } from '@tidegate/units';
import type { PublisherLogger } from './publisher-logger.js';

export interface ReachReportOptions {
  readonly transport: string;
  readonly clock: Clock;
  readonly logger: PublisherLogger;
}

/** Shorter absences are everyday: a leader moves, a connection breaks. */
const patienceMs = 500;
const repeatMs = 60_000;

/** Says once that the other side is away, once a minute that it still is, and once that it is back. */
export class ReachReport {
  readonly #options: ReachReportOptions;
  #awaySinceMs: number | undefined;
  #saidAtMs: number | undefined;

  constructor(options: ReachReportOptions) {
    this.#options = options;
  }

  /** Nothing has arrived for longer than is everyday. */
  get isAway(): boolean {
    return this.#awaySinceMs !== undefined && this.#options.clock.monotonicMs() - this.#awaySinceMs >= patienceMs;
  }

  failed(err: unknown): void {
    const { clock, logger, transport } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#awaySinceMs ??= nowMs;
    const awayMs = Math.round(nowMs - this.#awaySinceMs);
    if (awayMs < patienceMs || (this.#saidAtMs !== undefined && nowMs - this.#saidAtMs < repeatMs)) return;
    this.#saidAtMs = nowMs;
    logger.warn({ err, transport, awayMs }, 'events: the other side does not take events; they go to the spool and are sent later');
  }

  arrived(): void {
    if (this.#awaySinceMs === undefined) return;
    const { clock, logger, transport } = this.#options;
    const awayMs = Math.round(clock.monotonicMs() - this.#awaySinceMs);
    const wasSaid = this.#saidAtMs !== undefined;
    this.#awaySinceMs = undefined;
    this.#saidAtMs = undefined;
    if (wasSaid) logger.info({ transport, awayMs }, 'events: the other side takes events again');
  }
}

import { gauge, type Observability } from '@tidegate/observability';
import type { RetentionReport } from './retention.js';
import type { Rollup } from './rollup.js';

export interface MaintenanceOptions {
  readonly rollup: Rollup;
  readonly retain: () => Promise<RetentionReport>;
  readonly observability: Observability;
  /** Time between two rollups: with the flush before it, how long an event stays unseen. */
  readonly rollupMs?: number;
}

/** The work beside ingest. */
export interface Maintenance {
  /** Stops, after one last rollup. */
  close(): Promise<void>;
}

const compactEvery = 15;
const retainEvery = 15;

/** Starts rolling up (every second), compacting (every 15 s) and removing what is past its bounds (every 15 s). */
export function startMaintenance({ rollup, retain, observability, rollupMs = 1_000 }: MaintenanceOptions): Maintenance {
  const { logger, registry } = observability;
  const rawBytes = gauge(registry, { name: 'tidegate_analytics_raw_bytes', help: 'Bytes of the raw window on disk' });
  let turn = 0;
  let isClosed = false;
  let timer: NodeJS.Timeout;
  let running: Promise<void> = Promise.resolve();
  const step = async (): Promise<void> => {
    turn += 1;
    try {
      await rollup.run();
      if (turn % compactEvery === 0) await rollup.compact();
      if (turn % retainEvery === 1) rawBytes.set((await retain()).rawBytes);
    } catch (error) {
      logger.error({ err: error }, 'analytics: maintenance failed; it is tried again');
    }
  };
  const schedule = (): void => {
    timer = setTimeout(() => {
      running = step().then(() => (isClosed ? undefined : schedule()));
    }, rollupMs);
    timer.unref();
  };
  schedule();
  return {
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      await running;
      await rollup.run();
    },
  };
}

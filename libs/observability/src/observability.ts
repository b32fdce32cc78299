import { HealthState } from './health-state.js';
import { createLogger, type Logger, type LoggerOptions } from './logger.js';
import { createRegistry, type Registry } from './metrics.js';

/** What every part of a process logs, counts and reports with. In one process all apps share one. */
export interface Observability {
  readonly logger: Logger;
  readonly registry: Registry;
  readonly health: HealthState;
  /** Name of this process among its replicas. */
  readonly instance: string;
}

/** Makes logger, metrics registry and health state of a process. */
export function createObservability(options: LoggerOptions): Observability {
  return {
    logger: createLogger(options),
    registry: createRegistry(),
    health: new HealthState(),
    instance: options.instance,
  };
}

import type { Clock } from '@tidegate/units';
import type { Endpoint } from './endpoint.js';
import type { HealthCheckConfig } from './services-schema.js';

export interface HealthCheckerOptions {
  readonly endpoints: readonly Endpoint[];
  readonly config: HealthCheckConfig;
  readonly clock: Clock;
  /** Told when a threshold was reached. */
  readonly onChange: (endpoint: Endpoint, isHealthy: boolean, cause: string) => void;
  /** In [0, 1); spreads the checks of many gateways. */
  readonly random: () => number;
}

/** Share of the interval by which each check comes earlier or later. */
const jitter = 0.2;

/** Asks each endpoint for its health, again and again, and marks it (gateway/U3). Returns the function that stops it. */
export function startHealthChecks(options: HealthCheckerOptions): () => void {
  const stops = options.endpoints.map((endpoint) => checkAgainAndAgain(endpoint, options));
  return () => stops.forEach((stop) => stop());
}

function checkAgainAndAgain(endpoint: Endpoint, { config, onChange, random }: HealthCheckerOptions): () => void {
  let inARow = 0;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  const check = async (): Promise<void> => {
    const problem = await findProblem(endpoint, config);
    if (isStopped) return;
    inARow = (problem === undefined) === endpoint.isHealthy ? 0 : inARow + 1;
    if (inARow >= (endpoint.isHealthy ? config.unhealthyAfter : config.healthyAfter)) {
      inARow = 0;
      endpoint.isHealthy = !endpoint.isHealthy;
      onChange(endpoint, endpoint.isHealthy, problem ?? 'checks pass again');
    }
    schedule(config.intervalMs * (1 + jitter * (2 * random() - 1)));
  };
  const schedule = (inMs: number): void => {
    timer = setTimeout(() => void check(), inMs).unref();
  };
  schedule(config.intervalMs * random());
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

/** Undefined: 2xx in time. */
async function findProblem(endpoint: Endpoint, { path, timeoutMs }: HealthCheckConfig): Promise<string | undefined> {
  try {
    const { statusCode, body } = await endpoint.pool.request({
      path,
      method: 'GET',
      headers: { 'user-agent': 'tidegate-health' },
      signal: AbortSignal.timeout(timeoutMs),
    });
    await body.dump({ limit: 64 * 1024 });
    return statusCode >= 200 && statusCode < 300 ? undefined : `health check answered ${statusCode}`;
  } catch (error) {
    return `health check failed: ${(error as Error).message}`;
  }
}

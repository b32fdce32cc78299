import type { Endpoint } from './endpoint.js';

/** How a choice is made. */
export interface PickOptions {
  readonly nowMs: number;
  /** Tried before for the same request: chosen only when nothing else is left. */
  readonly tried?: readonly Endpoint[] | undefined;
  /** In [0, 1). */
  readonly random: () => number;
}

const drawsMax = 8;

/**
 * The cheaper of two endpoints drawn at random (gateway/U1), among those that are healthy, not ejected, and whose breaker
 * is not open. When less than half of all are healthy, health is not believed any more (panic mode, gateway/U3); an
 * open breaker always is. Undefined: none is usable.
 */
export function pickEndpoint(endpoints: readonly Endpoint[], options: PickOptions): Endpoint | undefined {
  const { nowMs, tried } = options;
  const isPanic = healthyCount(endpoints, nowMs) * 2 < endpoints.length;
  const isGood = (endpoint: Endpoint): boolean =>
    endpoint.isUsable && (isPanic || (endpoint.isHealthy && !endpoint.isEjectedAt(nowMs)));
  if (endpoints.length === 1) return endpoints[0]?.isUsable === true ? endpoints[0] : undefined;
  const fresh = (endpoint: Endpoint): boolean => isGood(endpoint) && tried?.includes(endpoint) !== true;
  return draw(endpoints, fresh, options) ?? (tried === undefined ? undefined : draw(endpoints, isGood, options));
}

/** How many may be counted on. */
export function healthyCount(endpoints: readonly Endpoint[], nowMs: number): number {
  let count = 0;
  for (const endpoint of endpoints) if (endpoint.isHealthy && !endpoint.isEjectedAt(nowMs)) count += 1;
  return count;
}

function draw(endpoints: readonly Endpoint[], isAllowed: (endpoint: Endpoint) => boolean, options: PickOptions): Endpoint | undefined {
  let first: Endpoint | undefined;
  for (let i = 0; i < drawsMax && endpoints.length > 2; i += 1) {
    const candidate = endpoints[Math.floor(options.random() * endpoints.length)];
    if (candidate === undefined || candidate === first || !isAllowed(candidate)) continue;
    if (first !== undefined) return cheaper(first, candidate, options);
    first = candidate;
  }
  return first ?? cheapest(endpoints, isAllowed, options);
}

/** With two endpoints, or when draws met none that is allowed: all are looked at. */
function cheapest(endpoints: readonly Endpoint[], isAllowed: (endpoint: Endpoint) => boolean, options: PickOptions): Endpoint | undefined {
  let best: Endpoint | undefined;
  for (const endpoint of endpoints) {
    if (isAllowed(endpoint)) best = best === undefined ? endpoint : cheaper(best, endpoint, options);
  }
  return best;
}

function cheaper(a: Endpoint, b: Endpoint, { nowMs, random }: PickOptions): Endpoint {
  const difference = a.costAt(nowMs) - b.costAt(nowMs);
  if (difference === 0) return random() < 0.5 ? a : b;
  return difference < 0 ? a : b;
}

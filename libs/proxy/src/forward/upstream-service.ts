import type { Clock } from '@tidegate/units';
import { Circuit, type CircuitChange } from './circuit.js';
import { Endpoint } from './endpoint.js';
import { startHealthChecks } from './health-checker.js';
import { healthyCount, pickEndpoint } from './pick-endpoint.js';
import { RetryBudget } from './retry-budget.js';
import type { ServiceConfig } from './services-schema.js';

/** An upstream was found healthy or not, by checks or by its answers. */
export interface HealthChange {
  readonly service: string;
  readonly upstream: string;
  readonly isHealthy: boolean;
  readonly cause: string;
}

/** What happens to a service's parts, for log, metrics and events. `upstream` is '' for the whole service. */
export interface UpstreamServiceListener {
  readonly onCircuitChange: (service: string, upstream: string, change: CircuitChange) => void;
  readonly onHealthChange: (change: HealthChange) => void;
}

export interface UpstreamServiceOptions {
  readonly name: string;
  readonly config: ServiceConfig;
  readonly clock: Clock;
  readonly listener: UpstreamServiceListener;
  /** In [0, 1); default Math.random. */
  readonly random?: () => number;
}

/** One service: its upstreams, breakers, retry budget and load. Owns connections and timers. */
export class UpstreamService {
  readonly name: string;
  readonly config: ServiceConfig;
  readonly circuit: Circuit;
  readonly endpoints: readonly Endpoint[];
  readonly budget: RetryBudget;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #listener: UpstreamServiceListener;
  readonly #stopHealthChecks: () => void;
  /** Requests under way, bodies included. */
  inFlight = 0;

  constructor({ name, config, clock, listener, random = Math.random }: UpstreamServiceOptions) {
    this.name = name;
    this.config = config;
    this.#clock = clock;
    this.#random = random;
    this.#listener = listener;
    this.budget = new RetryBudget(clock);
    this.circuit = this.#createCircuit('');
    this.endpoints = config.upstreams.map(
      (origin) => new Endpoint({ ...config, origin, clock, circuit: this.#createCircuit(new URL(origin).host) }),
    );
    this.#stopHealthChecks =
      config.health === null
        ? () => undefined
        : startHealthChecks({
            endpoints: this.endpoints,
            config: config.health,
            clock,
            random,
            onChange: (endpoint, isHealthy, cause) => listener.onHealthChange({ service: name, upstream: endpoint.name, isHealthy, cause }),
          });
  }

  /** An endpoint for the next attempt; undefined: none is usable. */
  pick(tried?: readonly Endpoint[]): Endpoint | undefined {
    return pickEndpoint(this.endpoints, { nowMs: this.#clock.monotonicMs(), tried, random: this.#random });
  }

  /** Time until the first breaker of an upstream may be half-open, ms. */
  get retryAfterMs(): number {
    return Math.min(...this.endpoints.map((endpoint) => endpoint.circuit?.retryAfterMs ?? 1));
  }

  /** Tells the balancer how an attempt went: time to the head if there was one, and whether the upstream was at fault. */
  report(endpoint: Endpoint, headMs: number, isError: boolean): void {
    const nowMs = this.#clock.monotonicMs();
    if (headMs > 0) endpoint.sample(headMs, nowMs);
    if (!isError) {
      endpoint.succeeded();
      return;
    }
    if (!endpoint.failed() || endpoint.isEjectedAt(nowMs)) return;
    const left = healthyCount(this.endpoints, nowMs) - (endpoint.isHealthy ? 1 : 0);
    if (left * 2 < this.endpoints.length) return;
    endpoint.eject();
    const cause = 'errors in a row: left out for a while';
    this.#listener.onHealthChange({ service: this.name, upstream: endpoint.name, isHealthy: false, cause });
  }

  /** Stops checks and breakers and ends all connections: what is still under way fails. */
  async close(): Promise<void> {
    this.#stopHealthChecks();
    this.circuit.close();
    await Promise.all(this.endpoints.map((endpoint) => endpoint.destroy()));
  }

  #createCircuit(upstream: string): Circuit {
    return new Circuit({
      name: upstream === '' ? this.name : `${this.name}/${upstream}`,
      config: this.config.breaker,
      clock: this.#clock,
      onChange: (change) => this.#listener.onCircuitChange(this.name, upstream, change),
    });
  }
}

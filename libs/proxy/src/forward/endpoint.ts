import type { Clock } from '@tidegate/units';
import { Pool } from 'undici';
import type { Circuit } from './circuit.js';
import type { OutlierConfig } from './services-schema.js';
import { createUpstreamConnector } from './upstream-connector.js';

/** Weight of an old latency sample falls to 1/e in this time. */
const decayMs = 10_000;
/** A sample of nothing: keeps the cost of an unused endpoint above zero, so that its load counts. */
const floorMs = 0.5;
const ejectionsCounted = 10;
/** An answer's head above this is refused (gateway/H6). */
const responseHeadBytesMax = 32 * 1024;

export interface EndpointOptions {
  /** Such as http://127.0.0.1:7002. */
  readonly origin: string;
  readonly connectTimeoutMs: number;
  readonly outlier: OutlierConfig;
  readonly clock: Clock;
  /** Its own breaker; a link to the next tier has none. */
  readonly circuit: Circuit | null;
}

/** One upstream address: its connections, its load and what is known of its health. */
export class Endpoint {
  /** host:port. */
  readonly name: string;
  readonly origin: string;
  readonly pool: Pool;
  readonly circuit: Circuit | null;
  readonly #outlier: OutlierConfig;
  readonly #clock: Clock;
  #ewmaMs = 0;
  #sampledAtMs = 0;
  #consecutiveErrors = 0;
  #ejections = 0;
  #ejectedUntilMs = 0;
  /** Attempts under way, bodies included. */
  inFlight = 0;
  /** What the active checks say; true until they prove the contrary. */
  isHealthy = true;

  constructor({ origin, connectTimeoutMs, outlier, clock, circuit }: EndpointOptions) {
    this.origin = origin;
    this.name = new URL(origin).host;
    this.circuit = circuit;
    this.#outlier = outlier;
    this.#clock = clock;
    this.pool = new Pool(origin, {
      connect: createUpstreamConnector(connectTimeoutMs),
      pipelining: 1,
      maxHeaderSize: responseHeadBytesMax,
      headersTimeout: 0,
    });
  }

  /** Its breaker would let a call through. */
  get isUsable(): boolean {
    return this.circuit === null || this.circuit.isUsable;
  }

  isEjectedAt(nowMs: number): boolean {
    return nowMs < this.#ejectedUntilMs;
  }

  /** Expected waiting: peak-sensitive moving average of the time to the head, times the load it would have. */
  costAt(nowMs: number): number {
    const weight = Math.exp((this.#sampledAtMs - nowMs) / decayMs);
    return (this.#ewmaMs * weight + floorMs) * (this.inFlight + 1);
  }

  /** Takes the time to a head into account: a slower one counts at once, a faster one little by little. */
  sample(headMs: number, nowMs: number): void {
    const weight = Math.exp((this.#sampledAtMs - nowMs) / decayMs);
    const aged = this.#ewmaMs * weight;
    this.#ewmaMs = headMs > aged ? headMs : aged + headMs * (1 - weight);
    this.#sampledAtMs = nowMs;
  }

  /** A good answer: the errors in a row start anew. */
  succeeded(): void {
    this.#consecutiveErrors = 0;
    if (this.#ejections > 0 && !this.isEjectedAt(this.#clock.monotonicMs())) this.#ejections -= 1;
  }

  /** An error of the upstream's. True: errors in a row reached the bound; the caller decides on the ejection. */
  failed(): boolean {
    this.#consecutiveErrors += 1;
    return this.#consecutiveErrors >= this.#outlier.consecutiveErrors;
  }

  /** Leaves it out for a while, longer each time. */
  eject(): void {
    this.#consecutiveErrors = 0;
    this.#ejections = Math.min(ejectionsCounted, this.#ejections + 1);
    this.#ejectedUntilMs = this.#clock.monotonicMs() + this.#outlier.ejectForMs * this.#ejections;
  }

  /** Closes its connections; what is under way finishes first. */
  async close(): Promise<void> {
    this.circuit?.close();
    await this.pool.close();
  }

  /** Ends its connections at once, and what is under way with them. */
  async destroy(): Promise<void> {
    this.circuit?.close();
    await this.pool.destroy();
  }
}

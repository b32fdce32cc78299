import { Reason, type Decision } from '@tidegate/grpc';
import type { Logger } from '@tidegate/observability';
import type { Clock } from '@tidegate/units';

/** Most denial lines per second and replica; the rest is counted (limiter/X1). */
const linesPerSecondMax = 100;

/** One line per denial, never with a key or an attribute. */
export class DenialLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #second = 0;
  #lines = 0;
  #unlogged = 0;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  write(decision: Decision): void {
    const second = Math.floor(this.#clock.monotonicMs() / 1_000);
    if (second !== this.#second) this.#startSecond(second);
    if (this.#lines >= linesPerSecondMax) {
      this.#unlogged += 1;
      return;
    }
    this.#lines += 1;
    this.#logger.info(toLine(decision), 'denied');
  }

  #startSecond(second: number): void {
    if (this.#unlogged > 0) this.#logger.info({ denials: this.#unlogged }, 'more denials than are logged');
    this.#second = second;
    this.#lines = 0;
    this.#unlogged = 0;
  }
}

function toLine(decision: Decision): object {
  const bound = decision.limits.find(({ limit }) => limit === decision.boundLimit);
  return {
    policy: decision.policy,
    limit: decision.boundLimit,
    reason: Reason[decision.reason],
    rate: bound?.rate,
    perMs: bound?.perMs,
    burst: bound?.burst,
    remaining: decision.remaining,
    cost: bound?.cost,
    retryAfterMs: decision.retryAfterMs,
    degraded: decision.degraded,
    configVersion: decision.configVersion,
    decisionId: decision.decisionId,
  };
}

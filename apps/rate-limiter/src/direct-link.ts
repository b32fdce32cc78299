import type { Check, Decision } from '@tidegate/grpc';
import type { LimiterError, LimiterLink } from '@tidegate/limiter-client';
import type { Clock } from '@tidegate/units';
import type { CheckLimit } from './check-limit.js';
import type { CheckSink } from './open-check.js';

/** Takes one outcome, at once or later. */
class SingleSink implements CheckSink {
  decision: Decision | undefined;
  error: LimiterError | undefined;
  resolve: ((decision: Decision) => void) | undefined;
  reject: ((error: LimiterError) => void) | undefined;

  decided(_id: number, decision: Decision): void {
    this.decision = decision;
    this.resolve?.(decision);
  }

  refused(_id: number, error: LimiterError): void {
    this.error = error;
    this.reject?.(error);
  }
}

/** The link for callers in the same process (gateway/U10): a decision that needs no round trip is returned without a promise. */
export class DirectLink implements LimiterLink {
  readonly #checkLimit: CheckLimit;
  readonly #clock: Clock;

  constructor(checkLimit: CheckLimit, clock: Clock) {
    this.#checkLimit = checkLimit;
    this.#clock = clock;
  }

  check(check: Check): Decision | Promise<Decision> {
    return this.decide(check, Infinity);
  }

  /**
   * @param deadlineMs the call's own deadline, monotonic
   * @throws LimiterError if the check was not decided; rejects with it if that is known later
   */
  decide(check: Check | undefined, deadlineMs: number): Decision | Promise<Decision> {
    const sink = new SingleSink();
    this.#checkLimit.submit(check, { id: 0, sink, receivedAtMs: this.#clock.monotonicMs(), deadlineMs });
    this.#checkLimit.send();
    if (sink.decision !== undefined) return sink.decision;
    if (sink.error !== undefined) throw sink.error;
    return new Promise((resolve, reject) => {
      sink.resolve = resolve;
      sink.reject = reject;
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

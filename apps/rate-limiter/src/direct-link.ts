import type { Check, Decision } from '@tidegate/grpc';
import { toLimiterDownDecision, type CheckOptions, type LimiterError, type LimiterLink } from '@tidegate/limiter-client';
import type { Clock } from '@tidegate/units';
import type { CheckLimit } from './check-limit.js';
import type { CheckSink } from './open-check.js';

/** Takes one outcome, at once or later. */
class SingleSink implements CheckSink {
  readonly #fallback: ((error: LimiterError) => Decision | undefined) | undefined;
  decision: Decision | undefined;
  error: LimiterError | undefined;
  resolve: ((decision: Decision) => void) | undefined;
  reject: ((error: LimiterError) => void) | undefined;

  /** @param fallback a decision in place of an error that is not the caller's */
  constructor(fallback: ((error: LimiterError) => Decision | undefined) | undefined) {
    this.#fallback = fallback;
  }

  decided(_id: number, decision: Decision): void {
    this.decision = decision;
    this.resolve?.(decision);
  }

  refused(id: number, error: LimiterError): void {
    const decision = this.#fallback?.(error);
    if (decision !== undefined) {
      this.decided(id, decision);
      return;
    }
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

  check(check: Check, options?: CheckOptions): Decision | Promise<Decision> {
    return this.#submit(check, Infinity, new SingleSink((error) => (error.isCallersFault ? undefined : this.#decideAlone(check, options))));
  }

  /**
   * One check as the unary rpc makes it.
   * @param deadlineMs the call's own deadline, monotonic
   * @throws LimiterError if the check was not decided; rejects with it if that is known later
   */
  decide(check: Check | undefined, deadlineMs: number): Decision | Promise<Decision> {
    return this.#submit(check, deadlineMs, new SingleSink(undefined));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #submit(check: Check | undefined, deadlineMs: number, sink: SingleSink): Decision | Promise<Decision> {
    this.#checkLimit.submit(check, { id: 0, sink, receivedAtMs: this.#clock.monotonicMs(), deadlineMs });
    this.#checkLimit.send();
    if (sink.decision !== undefined) return sink.decision;
    if (sink.error !== undefined) throw sink.error;
    return new Promise((resolve, reject) => {
      sink.resolve = resolve;
      sink.reject = reject;
    });
  }

  /** The limiter is there but could not decide in time, or takes no more: the caller's failure mode (limiter/C4). */
  #decideAlone(check: Check, options: CheckOptions | undefined): Decision | undefined {
    const mode = options?.onLimiterFailure ?? 'local';
    return mode === 'local' ? this.#checkLimit.decideShare(check) : toLimiterDownDecision(check, mode === 'allow');
  }
}

import type { Decision } from '@tidegate/grpc';
import type { LimiterError } from '@tidegate/limiter-client';
import type { PreparedCheck } from '@tidegate/rate-limit';

/** Where the outcome of a check goes: a stream, a unary call, or a caller in the same process. */
export interface CheckSink {
  decided(id: number, decision: Decision): void;
  refused(id: number, error: LimiterError): void;
}

/** How many checks a process holds open at most (limiter/F4). */
export class OpenChecks {
  readonly max: number;
  count = 0;

  constructor(max: number) {
    this.max = max;
  }
}

/** One accepted check: answered exactly once. */
export class OpenCheck {
  readonly prepared: PreparedCheck;
  readonly configVersion: string;
  /** From here on it is not sent to the store any more; monotonic ms. */
  readonly deadlineMs: number;
  readonly #sink: CheckSink;
  readonly #id: number;
  readonly #open: OpenChecks;
  isSettled = false;

  constructor(prepared: PreparedCheck, options: { configVersion: string; deadlineMs: number; sink: CheckSink; id: number; open: OpenChecks }) {
    this.prepared = prepared;
    this.configVersion = options.configVersion;
    this.deadlineMs = options.deadlineMs;
    this.#sink = options.sink;
    this.#id = options.id;
    this.#open = options.open;
    this.#open.count += 1;
  }

  decide(decision: Decision): void {
    if (this.isSettled) return;
    this.#settle();
    this.#sink.decided(this.#id, decision);
  }

  refuse(error: LimiterError): void {
    if (this.isSettled) return;
    this.#settle();
    this.#sink.refused(this.#id, error);
  }

  #settle(): void {
    this.isSettled = true;
    this.#open.count -= 1;
  }
}

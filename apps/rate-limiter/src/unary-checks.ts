import { Metadata, type ServerUnaryCall } from '@grpc/grpc-js';
import { RpcException } from '@nestjs/microservices';
import type { CheckLimitRequest, CheckLimitResponse } from '@tidegate/grpc';
import { errorTrailer, LimiterError } from '@tidegate/limiter-client';
import type { Clock } from '@tidegate/units';
import type { DirectLink } from './direct-link.js';

/** Answers CheckLimit: the decision in the message, or a status with the code in the trailer `tidegate-error` (limiter/P1, P10). */
export class UnaryChecks {
  readonly #link: DirectLink;
  readonly #clock: Clock;
  #isDraining = false;

  constructor(link: DirectLink, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  /** From now on new calls are refused. */
  drain(): void {
    this.#isDraining = true;
  }

  async check({ check }: CheckLimitRequest, call: ServerUnaryCall<CheckLimitRequest, CheckLimitResponse>): Promise<CheckLimitResponse> {
    try {
      if (this.#isDraining) throw new LimiterError('DRAINING', 'this replica is stopping');
      return { decision: await this.#link.decide(check, this.#deadlineOf(call)) };
    } catch (error) {
      throw error instanceof LimiterError ? toRpcException(error) : error;
    }
  }

  /** The call's deadline on the monotonic clock; Infinity = none. */
  #deadlineOf(call: ServerUnaryCall<CheckLimitRequest, CheckLimitResponse>): number {
    const deadline = call.getDeadline();
    const atMs = deadline instanceof Date ? deadline.getTime() : deadline;
    return this.#clock.monotonicMs() + (atMs - this.#clock.nowMs());
  }
}

function toRpcException({ code, message, grpcStatus }: LimiterError): RpcException {
  const metadata = new Metadata();
  metadata.set(errorTrailer, code);
  return new RpcException({ code: grpcStatus, details: message, message, metadata });
}

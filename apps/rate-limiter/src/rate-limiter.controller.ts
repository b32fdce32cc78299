import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod, GrpcStreamCall } from '@nestjs/microservices';
import type { CheckLimitRequest, CheckLimitResponse } from '@tidegate/grpc';
import { StreamSessions } from './stream-sessions.js';
import type { ChecksCall } from './stream-session.js';
import { UnaryChecks } from './unary-checks.js';

/** The rpcs of tidegate.ratelimit.v1.RateLimitService, one line each. */
@Controller()
export class RateLimiterController {
  readonly #unary: UnaryChecks;
  readonly #sessions: StreamSessions;

  constructor(@Inject(UnaryChecks) unary: UnaryChecks, @Inject(StreamSessions) sessions: StreamSessions) {
    this.#unary = unary;
    this.#sessions = sessions;
  }

  @GrpcMethod('RateLimitService', 'checkLimit')
  checkLimit(request: CheckLimitRequest, _metadata: Metadata, call: ServerUnaryCall<CheckLimitRequest, CheckLimitResponse>): Promise<CheckLimitResponse> {
    return this.#unary.check(request, call);
  }

  @GrpcStreamCall('RateLimitService', 'streamChecks')
  streamChecks(call: ChecksCall): void {
    this.#sessions.open(call);
  }
}

import { status } from '@grpc/grpc-js';

/** What each upper-case code of the error table means on the wire (limiter/P10). */
const codeTable = {
  EMPTY_POLICY: { grpcStatus: status.INVALID_ARGUMENT, retryable: false },
  MISSING_ATTRIBUTE: { grpcStatus: status.INVALID_ARGUMENT, retryable: false },
  TOO_LARGE: { grpcStatus: status.INVALID_ARGUMENT, retryable: false },
  DUPLICATE_ID: { grpcStatus: status.INVALID_ARGUMENT, retryable: false },
  UNKNOWN_POLICY: { grpcStatus: status.NOT_FOUND, retryable: false },
  OVERLOADED: { grpcStatus: status.RESOURCE_EXHAUSTED, retryable: true },
  DEADLINE_EXCEEDED: { grpcStatus: status.DEADLINE_EXCEEDED, retryable: true },
  DRAINING: { grpcStatus: status.UNAVAILABLE, retryable: true },
  INTERNAL: { grpcStatus: status.INTERNAL, retryable: false },
} as const;

/** A code of the limiter's error table. */
export type LimiterErrorCode = keyof typeof codeTable;

/** Trailer that carries the code of a unary call that was not decided (limiter/P10). */
export const errorTrailer = 'tidegate-error';

/** A check that was not decided: its code of the error table, gRPC status, and whether the same check may succeed later. */
export class LimiterError extends Error {
  override readonly name = 'LimiterError';
  readonly code: LimiterErrorCode;

  constructor(code: LimiterErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  get grpcStatus(): status {
    return codeTable[this.code].grpcStatus;
  }

  get retryable(): boolean {
    return codeTable[this.code].retryable;
  }

  /** Whether the caller asked wrongly (INVALID_ARGUMENT, NOT_FOUND); such errors are raised, never hidden (limiter/C4). */
  get isCallersFault(): boolean {
    return this.grpcStatus === status.INVALID_ARGUMENT || this.grpcStatus === status.NOT_FOUND;
  }
}

/** The error a code from the wire stands for; a code this version does not know is INTERNAL. */
export function toLimiterError(code: string, message: string): LimiterError {
  if (Object.hasOwn(codeTable, code)) return new LimiterError(code as LimiterErrorCode, message);
  return new LimiterError('INTERNAL', `${code}: ${message}`);
}

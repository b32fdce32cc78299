/** Codes of the caller's own mistakes (limiter/P10). */
export type LimiterFaultCode = 'EMPTY_POLICY' | 'UNKNOWN_POLICY' | 'MISSING_ATTRIBUTE' | 'TOO_LARGE';

/** Why a check cannot be decided: a value, not an exception, since a bad check is as common as a good one. */
export class LimiterFault {
  readonly code: LimiterFaultCode;
  /** Text for the caller: names policies, limits and attributes, never values. */
  readonly message: string;

  constructor(code: LimiterFaultCode, message: string) {
    this.code = code;
    this.message = message;
  }
}

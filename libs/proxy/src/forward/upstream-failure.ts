import { Fault, type FaultCode } from '@tidegate/fault';

/**
 * How far a failed attempt had come; decides whether it may be tried again (gateway/U5).
 * - unsent: not one byte of the request was written
 * - reset: written, and the connection broke before the head of an answer
 * - broken: an answer that is no valid HTTP
 * - ended: deadline, cancellation, or the request's own fault; never tried again
 */
export type FailureStage = 'unsent' | 'reset' | 'broken' | 'ended';

/** An attempt that failed before the head of an answer was accepted. */
export interface UpstreamFailure {
  readonly stage: FailureStage;
  readonly fault: Fault;
}

const brokenCodes = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH']);

/** Maps an undici error before the head. `isSent`: a byte of the request may have been written. */
export function toUpstreamFailure(error: Error, upstream: string, isSent: boolean): UpstreamFailure {
  const code = codeOf(error);
  const internal = `${upstream}: ${code} ${error.message}`;
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') {
    return { stage: 'ended', fault: new Fault('internal', internal, { cause: error }) };
  }
  if (code === 'UND_ERR_CLOSED' || code === 'UND_ERR_DESTROYED') {
    return { stage: isSent ? 'reset' : 'unsent', fault: new Fault('upstream-unavailable', internal, { cause: error }) };
  }
  if (isBroken(error, code)) return { stage: 'broken', fault: new Fault('upstream-bad-response', internal, { cause: error }) };
  return { stage: isSent ? 'reset' : 'unsent', fault: new Fault('upstream-unreachable', internal, { cause: error }) };
}

/** Maps an undici error inside the body. */
export function toBodyFault(error: Error, upstream: string): Fault {
  const code = codeOf(error);
  const fault: FaultCode = code === 'UND_ERR_BODY_TIMEOUT' ? 'upstream-timeout' : 'upstream-bad-response';
  return new Fault(fault, `${upstream} died inside a body: ${code} ${error.message}`, { cause: error });
}

function isBroken(error: Error, code: string): boolean {
  return brokenCodes.has(code) || error.name === 'HTTPParserError' || error.message === 'bad response' || error.message === 'bad upgrade';
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.name;
}

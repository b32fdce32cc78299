import type { RequestBody } from '@tidegate/pipeline';
import type { FailureStage } from './upstream-failure.js';

/**
 * Whether a failed attempt may be made again (gateway/U5): any method when not one byte of the request was written; GET
 * and HEAD without a body also when the connection broke before the head of an answer. Nothing else: the upstream may
 * have processed it.
 */
export function mayRetry(stage: FailureStage, method: string, body: RequestBody): boolean {
  return stage === 'unsent' || (stage === 'reset' && isRepeatable(method, body));
}

/** GET and HEAD without a body: sending it twice asks for the same thing twice. */
export function isRepeatable(method: string, body: RequestBody): boolean {
  return (method === 'GET' || method === 'HEAD') && body.stream === null;
}

import type { Fault } from './fault.js';

/** A problem document (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly requestId: string;
  readonly [member: string]: unknown;
}

/** The public form of a fault (gateway/H13): nothing of its internal text or cause. */
export function toProblem(fault: Fault, requestId: string): Problem {
  return {
    type: fault.details.type ?? `urn:problem-type:tidegate:${fault.code}`,
    title: fault.row.title,
    status: fault.status,
    detail: fault.details.detail ?? fault.row.detail,
    requestId,
    ...fault.details.members,
  };
}

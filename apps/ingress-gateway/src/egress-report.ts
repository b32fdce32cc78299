/** What egress tells ingress of its part, in `x-tidegate-egress` (gateway/H5, analytics/N2). */
export interface EgressReport {
  readonly upstream: string;
  readonly attempts: number;
  /** closed, open, half-open. */
  readonly breaker: string;
  /** Milliseconds to the upstream's response head. */
  readonly headMs: number;
  /** Code of the fault egress answered with; '' when the answer is the upstream's. */
  readonly faultCode: string;
}

/** Parses `u=127.0.0.1:7002;a=1;b=closed;t=3.2`, and `f=upstream-timeout` where egress itself answered; members it does not know are skipped, absent ones empty. */
export function parseEgressReport(value: string): EgressReport {
  let upstream = '';
  let attempts = 0;
  let breaker = '';
  let headMs = 0;
  let faultCode = '';
  for (const part of value.split(';')) {
    const text = part.slice(2);
    if (part.startsWith('u=')) upstream = text;
    else if (part.startsWith('a=')) attempts = Number(text) || 0;
    else if (part.startsWith('b=')) breaker = text;
    else if (part.startsWith('t=')) headMs = Number(text) || 0;
    else if (part.startsWith('f=')) faultCode = text;
  }
  return { upstream, attempts, breaker, headMs, faultCode };
}

import { Reason, type Check, type Decision } from '@tidegate/grpc';

/** An empty decision for a check: callers fill in what they decided. */
export function emptyDecision(check: Check): Decision {
  return {
    allowed: false,
    reason: Reason.UNSPECIFIED,
    policy: check.policy,
    boundLimit: '',
    remaining: 0,
    retryAfterMs: undefined,
    resetMs: 0,
    degraded: false,
    limits: [],
    configVersion: '',
    decisionId: '',
    checkId: check.checkId,
    decidedAtUs: 0,
    batchIndex: 0,
    localDivisor: 0,
  };
}

/** The decision of the failure modes `allow` and `deny` when no limiter answers (limiter/C4). */
export function toLimiterDownDecision(check: Check, allowed: boolean): Decision {
  const decision = emptyDecision(check);
  decision.allowed = allowed;
  decision.reason = Reason.LIMITER_DOWN;
  decision.degraded = true;
  if (!allowed) decision.retryAfterMs = 1_000;
  return decision;
}

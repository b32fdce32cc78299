import { Reason, type Decision } from '@tidegate/grpc';
import { createLineCap, type Logger } from '@tidegate/observability';
import type { Clock } from '@tidegate/units';

/** Writes at most one line for a denial. */
export type DenialLog = (decision: Decision) => void;

/** One line per denial up to the cap (limiter/X1), never with a key or an attribute. */
export function createDenialLog(logger: Logger, clock: Clock): DenialLog {
  const mayLog = createLineCap({ logger, clock });
  return (decision) => {
    if (mayLog()) logger.info(toLine(decision), 'denied');
  };
}

function toLine(decision: Decision): object {
  const bound = decision.limits.find(({ limit }) => limit === decision.boundLimit);
  return {
    policy: decision.policy,
    limit: decision.boundLimit,
    reason: Reason[decision.reason],
    rate: bound?.rate,
    perMs: bound?.perMs,
    burst: bound?.burst,
    remaining: decision.remaining,
    cost: bound?.cost,
    retryAfterMs: decision.retryAfterMs,
    degraded: decision.degraded,
    configVersion: decision.configVersion,
    decisionId: decision.decisionId,
  };
}

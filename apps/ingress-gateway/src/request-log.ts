import type { Clock } from '@tidegate/units';
import type { Logger } from '@tidegate/observability';
import type { ExchangeEnd } from './request-event.js';
import type { IngressExchange } from './ingress-exchange.js';

/** Lines of denials and errors per second and process; the rest is counted (limiter/X1, gateway/O1). */
const linesPerSecondMax = 100;
/** One line for so many good answers. */
const sampleEvery = 100;

/** Writes at most one log line for a request that ended. */
export type RequestLog = (exchange: IngressExchange, end: ExchangeEnd) => void;

/** Every error and denial up to the cap, one in a hundred of the rest; what the cap held back is said once a second. */
export function createRequestLog(logger: Logger, clock: Clock): RequestLog {
  let second = 0;
  let written = 0;
  let held = 0;
  let good = 0;
  const isWithinCap = (): boolean => {
    const now = Math.floor(clock.monotonicMs() / 1_000);
    if (now !== second) {
      if (held > 0) logger.warn({ held }, 'log lines of errors and denials held back in the last second');
      second = now;
      written = 0;
      held = 0;
    }
    if (written >= linesPerSecondMax) {
      held += 1;
      return false;
    }
    written += 1;
    return true;
  };
  return (exchange, end) => {
    const isBad = exchange.fault !== undefined || end.status >= 400;
    if (!isBad) {
      good += 1;
      if (good % sampleEvery !== 1) return;
      logger.info(toLine(exchange, end), 'request');
      return;
    }
    if (!isWithinCap()) return;
    if (end.status >= 500) logger.error(toLine(exchange, end), 'request failed');
    else logger.warn(toLine(exchange, end), 'request refused');
  };
}

function toLine(exchange: IngressExchange, end: ExchangeEnd): Record<string, unknown> {
  const { decision, fault } = exchange;
  return {
    requestId: exchange.requestId,
    traceId: exchange.traceId,
    method: exchange.head.method,
    path: exchange.head.path,
    route: exchange.route?.name ?? '-',
    status: end.status,
    durationMs: Math.round((end.endedAtMonotonicMs - exchange.arrivedAtMonotonicMs) * 100) / 100,
    client: exchange.clientAddress,
    principal: exchange.principalKey,
    ...(fault === undefined ? {} : { fault: fault.code, why: fault.message, ...(fault.code === 'internal' ? { err: fault } : {}) }),
    ...(decision === undefined || decision.allowed ? {} : { policy: decision.policy, limit: decision.boundLimit, remaining: decision.remaining, retryAfterMs: decision.retryAfterMs }),
    config: exchange.snapshot?.configVersion,
  };
}

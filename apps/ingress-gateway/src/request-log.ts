import { createLineCap, type Logger } from '@tidegate/observability';
import type { Clock } from '@tidegate/units';
import type { IngressExchange } from './ingress-exchange.js';
import type { ExchangeEnd } from './request-event.js';

/** One line for so many good answers. */
const sampleEvery = 100;

/** Writes at most one log line for a request that ended. */
export type RequestLog = (exchange: IngressExchange, end: ExchangeEnd) => void;

/** Every error and denial up to the cap, one in a hundred of the rest. */
export function createRequestLog(logger: Logger, clock: Clock): RequestLog {
  const mayLog = createLineCap({ logger, clock });
  let good = 0;
  return (exchange, end) => {
    if (exchange.fault === undefined && end.status < 400) {
      good += 1;
      if (good % sampleEvery === 1) logger.info(toLine(exchange, end), 'request');
    } else if (mayLog()) {
      if (end.status >= 500) logger.error(toLine(exchange, end), 'request failed');
      else logger.warn(toLine(exchange, end), 'request refused');
    }
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
    ...(decision === undefined || decision.allowed ? {} : toDenialLine(decision)),
    config: exchange.snapshot?.configVersion,
  };
}

const toDenialLine = ({ policy, boundLimit, remaining, retryAfterMs, degraded }: NonNullable<IngressExchange['decision']>) => ({
  policy,
  limit: boundLimit,
  remaining,
  retryAfterMs,
  degraded,
});

import type { Fault } from '@tidegate/fault';
import type { Logger } from '@tidegate/observability';
import type { Stage } from '@tidegate/pipeline';
import type { Clock } from '@tidegate/units';
import type { EgressExchange } from '../egress-exchange.js';
import type { EgressMetrics } from '../egress-metrics.js';

export interface RecordRequestOptions {
  readonly metrics: EgressMetrics;
  readonly logger: Logger;
  /** Whether one more line may be written. */
  readonly mayLog: () => boolean;
  readonly clock: Clock;
}

/**
 * At the end of every exchange: metrics, and a log line if it went wrong (the request event is ingress's, analytics/N2).
 * Stands outside rescueErrors, so it sees the status that was really sent.
 */
export function recordRequest({ metrics, logger, mayLog, clock }: RecordRequestOptions): Stage<EgressExchange> {
  return async function recordRequest(exchange, next) {
    try {
      await next();
    } finally {
      const { response, fault, call, destination } = exchange;
      const status = response.isStarted ? response.status : (fault?.status ?? 500);
      metrics.record(destination?.service.name ?? '-', status, clock.monotonicMs() - exchange.arrivedAtMonotonicMs);
      const failure = fault ?? call?.bodyFault;
      if (failure !== undefined) {
        metrics.recordFault(failure.code);
        if (failure.code !== 'client-closed' && mayLog()) logger.warn(toLine(exchange, status, failure), 'request failed');
      }
    }
  };
}

function toLine(exchange: EgressExchange, status: number, fault: Fault): Record<string, unknown> {
  return {
    requestId: exchange.requestId,
    traceId: exchange.traceId,
    route: exchange.destination?.route ?? '-',
    service: exchange.destination?.service.name ?? '-',
    upstream: exchange.call?.endpoint.name ?? '',
    attempts: exchange.attempts,
    status,
    fault: fault.code,
    why: fault.message,
    ...(fault.code === 'internal' ? { err: fault } : {}),
  };
}

import type { Stage } from '@tidegate/pipeline';
import type { Clock } from '@tidegate/units';
import type { IngressEvents } from '../ingress-events.js';
import type { IngressExchange } from '../ingress-exchange.js';
import type { IngressMetrics } from '../ingress-metrics.js';
import type { ExchangeEnd } from '../request-event.js';
import type { RequestLog } from '../request-log.js';

export interface RecordRequestOptions {
  readonly events: IngressEvents;
  readonly metrics: IngressMetrics;
  readonly log: RequestLog;
  readonly clock: Clock;
}

/**
 * At the end of every exchange: metrics, at most one log line, exactly one request event (analytics/N1). Stands outside
 * rescueErrors, so it sees the status that was really sent. With `durability: disk` what completes the answer goes out
 * after the event is on disk.
 */
export function recordRequest({ events, metrics, log, clock }: RecordRequestOptions): Stage<IngressExchange> {
  return async function recordRequest(exchange, next) {
    try {
      await next();
    } finally {
      const end: ExchangeEnd = { status: finalStatus(exchange), endedAtMonotonicMs: clock.monotonicMs() };
      metrics.record(exchange.route?.name ?? '-', end.status, end.endedAtMonotonicMs - exchange.arrivedAtMonotonicMs);
      metrics.recordBytes(exchange.requestBytes, exchange.response.bodyBytes);
      const faultCode = exchange.fault?.code ?? exchange.egress?.faultCode ?? '';
      if (faultCode !== '') metrics.recordFault(faultCode);
      log(exchange, end);
      const written = events.requestEnded(exchange, end);
      if (written !== undefined) await written;
      exchange.held?.release();
    }
  };
}

/** 499 when the client left before the answer began (gateway/H9), else what was sent. */
function finalStatus({ response, cancellation, fault }: IngressExchange): number {
  if (response.isStarted) return response.status;
  return cancellation.reason?.status ?? fault?.status ?? 500;
}

import { counter, histogram, type Counter, type Histogram, type Registry } from '@tidegate/observability';

/** What the ingress counts. Labels come from the config and from closed lists, never from requests (gateway/O2). */
export interface IngressMetrics {
  /** One request ended. */
  record(route: string, status: number, durationMs: number): void;
  recordFault(code: string): void;
  recordBytes(requestBytes: number, responseBytes: number): void;
}

interface Series {
  readonly requests: Counter.Internal;
  readonly duration: Histogram.Internal<'route'>;
}

/** Makes the metrics. */
export function createIngressMetrics(registry: Registry): IngressMetrics {
  const requests = counter(registry, { name: 'tidegate_ingress_requests_total', help: 'Requests ended, by route and status.', labelNames: ['route', 'status'] });
  const durations = histogram(registry, { name: 'tidegate_ingress_request_duration_seconds', help: 'Time from head to end of answer.', labelNames: ['route'] });
  const faults = counter(registry, { name: 'tidegate_ingress_faults_total', help: 'Answers made by the gateway itself, by fault code.', labelNames: ['code'] });
  const received = counter(registry, { name: 'tidegate_ingress_request_bytes_total', help: 'Body bytes received.' });
  const sent = counter(registry, { name: 'tidegate_ingress_response_bytes_total', help: 'Body bytes sent.' });
  // Resolving labels costs more than counting: each pair is resolved once. Bounded: routes x statuses.
  const known = new Map<string, Map<number, Series>>();
  const seriesOf = (route: string, status: number): Series => {
    let byStatus = known.get(route);
    if (byStatus === undefined) known.set(route, (byStatus = new Map()));
    let series = byStatus.get(status);
    if (series === undefined) {
      series = { requests: requests.labels(route, String(status)), duration: durations.labels(route) };
      byStatus.set(status, series);
    }
    return series;
  };
  return {
    record: (route, status, durationMs) => {
      const series = seriesOf(route, status);
      series.requests.inc();
      series.duration.observe(durationMs / 1_000);
    },
    recordFault: (code) => faults.inc({ code }),
    recordBytes: (requestBytes, responseBytes) => {
      if (requestBytes > 0) received.inc(requestBytes);
      if (responseBytes > 0) sent.inc(responseBytes);
    },
  };
}

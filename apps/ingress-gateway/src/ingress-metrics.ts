import { counter, requestSeries, type RecordRequest, type Registry } from '@tidegate/observability';

/** What the ingress counts. Labels come from the config and from closed lists, never from requests (gateway/O2). */
export interface IngressMetrics {
  /** One request ended: its route, status and duration. */
  readonly record: RecordRequest;
  recordFault(code: string): void;
  recordBytes(requestBytes: number, responseBytes: number): void;
}

/** Makes the metrics. */
export function createIngressMetrics(registry: Registry): IngressMetrics {
  // What every request adds to is added here, and moved to the registry at a scrape.
  const bytes = { received: 0, sent: 0 };
  const move = (which: keyof typeof bytes): number => {
    const count = bytes[which];
    bytes[which] = 0;
    return count;
  };
  const faults = counter(registry, { name: 'tidegate_ingress_faults_total', help: 'Answers made by the gateway itself, by fault code.', labelNames: ['code'] });
  counter(registry, { name: 'tidegate_ingress_request_bytes_total', help: 'Body bytes received.', collect() { this.inc(move('received')); } });
  counter(registry, { name: 'tidegate_ingress_response_bytes_total', help: 'Body bytes sent.', collect() { this.inc(move('sent')); } });
  return {
    record: requestSeries(registry, { prefix: 'tidegate_ingress', label: 'route' }),
    recordFault: (code) => faults.inc({ code }),
    recordBytes: (requestBytes, responseBytes) => {
      bytes.received += requestBytes;
      bytes.sent += responseBytes;
    },
  };
}

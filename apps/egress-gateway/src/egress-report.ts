import type { Fault } from '@tidegate/fault';
import { endUncertain } from '@tidegate/proxy';
import type { EgressExchange } from './egress-exchange.js';

/**
 * Value of `x-tidegate-egress`, from egress to ingress in every answer (gateway/H5, analytics/N2): upstream, attempts,
 * breaker of the service, ms to the upstream's head; the code of a fault of ours; whether the body's end is uncertain.
 */
export function toEgressReport(exchange: EgressExchange, fault?: Fault): string {
  const { call, destination } = exchange;
  const upstream = call?.endpoint.name ?? '';
  const breaker = destination?.service.circuit.state ?? '';
  const tenths = Math.round((call?.headMs ?? 0) * 10);
  const report = `u=${upstream};a=${exchange.attempts};b=${breaker};t=${Math.floor(tenths / 10)}.${tenths % 10}`;
  if (fault !== undefined) return `${report};f=${fault.code}`;
  return call?.isCloseDelimited === true ? report + endUncertain : report;
}

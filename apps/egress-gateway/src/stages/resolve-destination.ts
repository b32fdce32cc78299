import { Fault } from '@tidegate/fault';
import { fieldValue, type Stage } from '@tidegate/pipeline';
import { reservedFields } from '@tidegate/proxy';
import type { EgressExchange } from '../egress-exchange.js';
import type { Snapshot } from '../snapshot.js';

/** Finds the service of the route that ingress named, and shortens the deadline to what the route allows (gateway/H7). */
export function resolveDestination(snapshot: () => Snapshot): Stage<EgressExchange> {
  return function resolveDestination(exchange, next) {
    const route = fieldValue(exchange.head.fields, reservedFields.route) ?? '';
    const destination = snapshot().destinations.get(route);
    if (destination === undefined) throw new Fault('upstream-unavailable', `no route "${route}" in this configuration`);
    exchange.destination = destination;
    exchange.isStreaming ||= destination.isStreaming;
    const allowedAtMs = exchange.arrivedAtMonotonicMs + destination.timeoutMs;
    exchange.deadlineAtMs = Math.min(exchange.deadlineAtMs, exchange.linkDeadlineAtMs, allowedAtMs);
    return next();
  };
}

/** The destination of an exchange past resolveDestination. */
export function destinationOf({ destination }: EgressExchange) {
  if (destination === undefined) throw new Fault('internal', 'a stage stands before resolveDestination');
  return destination;
}

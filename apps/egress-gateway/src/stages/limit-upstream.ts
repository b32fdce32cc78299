import { Fault } from '@tidegate/fault';
import type { Stage } from '@tidegate/pipeline';
import type { EgressExchange } from '../egress-exchange.js';
import { destinationOf } from './resolve-destination.js';

/** Caps the requests in flight to a service, bodies included: one slow service cannot take all memory and sockets. */
export function limitUpstream(): Stage<EgressExchange> {
  return async function limitUpstream(exchange, next) {
    const { service } = destinationOf(exchange);
    if (service.inFlight >= service.config.inFlightMax) {
      throw new Fault('upstream-overloaded', `${service.name}: ${service.inFlight} in flight`, { fields: ['retry-after', '1'] });
    }
    service.inFlight += 1;
    try {
      await next();
    } finally {
      service.inFlight -= 1;
    }
  };
}

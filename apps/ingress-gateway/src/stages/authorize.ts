import { Fault } from '@tidegate/fault';
import type { Stage } from '@tidegate/pipeline';
import { checkAuthorization } from '@tidegate/routing';
import type { IngressExchange } from '../ingress-exchange.js';

/** Holds the principal against the route's `require`: 403, and 401's challenge form when only a scope is missing (gateway/Z1). */
export function authorize(): Stage<IngressExchange> {
  return async function authorize(exchange, next) {
    const rule = exchange.route?.require;
    if (rule !== undefined) {
      const result = checkAuthorization(rule, exchange.principal);
      if (result === 'insufficient-scope') {
        const challenge = 'Bearer realm="tidegate", error="insufficient_scope"';
        throw new Fault('insufficient-scope', 'a required scope is missing', { fields: ['www-authenticate', challenge] });
      }
      if (result === 'forbidden') throw new Fault('forbidden', 'the rule of the route does not hold');
    }
    await next();
  };
}

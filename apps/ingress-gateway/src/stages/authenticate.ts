import { toServiceFields, type Authenticator } from '@tidegate/auth';
import type { Stage } from '@tidegate/pipeline';
import type { Clock } from '@tidegate/units';
import type { IngressExchange } from '../ingress-exchange.js';
import { toPrincipalKey } from '../principal-key.js';

export interface AuthenticateOptions {
  readonly authenticator: Authenticator;
  readonly clock: Clock;
}

/**
 * Who the request is, from the providers its route lists; 401 with a challenge each, 400 for two credentials
 * (gateway/A1-A4). What of the credential goes on to the service is settled here too (gateway/Z5).
 */
export function authenticate({ authenticator, clock }: AuthenticateOptions): Stage<IngressExchange> {
  return async function authenticate(exchange, next) {
    const rule = exchange.route?.auth;
    if (rule !== undefined) {
      const startedAtMs = clock.monotonicMs();
      const { head } = exchange;
      const answer = authenticator.authenticate(rule, { fields: head.fields, query: head.query });
      const outcome = answer instanceof Promise ? await answer : answer;
      exchange.principal = outcome.principal;
      exchange.principalKey = toPrincipalKey(outcome.principal, exchange.clientAddress);
      const fields = toServiceFields(head.fields, outcome, exchange.route?.keepCredential);
      exchange.head = outcome.query === undefined ? head : { ...head, query: outcome.query };
      exchange.head.fields = fields;
      exchange.authenticateMs = clock.monotonicMs() - startedAtMs;
    }
    await next();
  };
}

import type { Authenticator } from '@tidegate/auth';
import type { Stage } from '@tidegate/pipeline';
import type { Clock } from '@tidegate/units';
import type { IngressExchange } from '../ingress-exchange.js';
import { toPrincipalKey } from '../principal-key.js';

export interface AuthenticateOptions {
  readonly authenticator: Authenticator;
  readonly clock: Clock;
}

/** Who the request is, from the providers its route lists; 401 with a challenge each, 400 for two credentials (gateway/A1-A4). */
export function authenticate({ authenticator, clock }: AuthenticateOptions): Stage<IngressExchange> {
  return async function authenticate(exchange, next) {
    const rule = exchange.route?.auth;
    if (rule !== undefined) {
      const startedAtMs = clock.monotonicMs();
      const answer = authenticator.authenticate(rule, { fields: exchange.head.fields, query: exchange.head.query });
      const outcome = answer instanceof Promise ? await answer : answer;
      exchange.principal = outcome.principal;
      exchange.principalKey = toPrincipalKey(outcome.principal, exchange.clientAddress);
      exchange.credentialField = outcome.credentialField;
      exchange.authenticateMs = clock.monotonicMs() - startedAtMs;
    }
    await next();
  };
}

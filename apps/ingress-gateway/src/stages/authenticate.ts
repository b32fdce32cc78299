import { toServiceFields, type AuthOutcome, type Authenticator } from '@tidegate/auth';
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
  return function authenticate(exchange, next) {
    const rule = exchange.route?.auth;
    if (rule === undefined) return next();
    const startedAtMs = clock.monotonicMs();
    const { fields, query } = exchange.head;
    const proceed = (outcome: AuthOutcome): Promise<void> => {
      takeOutcome(exchange, outcome);
      exchange.authenticateMs = clock.monotonicMs() - startedAtMs;
      return next();
    };
    const answer = authenticator.authenticate(rule, { fields, query });
    // A token that is known already is answered for at once.
    return answer instanceof Promise ? answer.then(proceed) : proceed(answer);
  };
}

function takeOutcome(exchange: IngressExchange, outcome: AuthOutcome): void {
  const { head, route } = exchange;
  exchange.principal = outcome.principal;
  exchange.principalKey = toPrincipalKey(outcome.principal, exchange.clientAddress);
  const fields = toServiceFields(head.fields, outcome, route?.keepCredential);
  exchange.head = outcome.query === undefined ? head : { ...head, query: outcome.query };
  exchange.head.fields = fields;
}

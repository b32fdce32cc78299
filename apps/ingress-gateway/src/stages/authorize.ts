import { insufficientScope, type Authenticator } from '@tidegate/auth';
import { Fault } from '@tidegate/fault';
import type { Stage } from '@tidegate/pipeline';
import { checkAuthorization } from '@tidegate/routing';
import type { IngressExchange } from '../ingress-exchange.js';

export interface AuthorizeOptions {
  readonly authenticator: Pick<Authenticator, 'demandCredential'>;
}

/**
 * Holds the principal against the route's `require` (gateway/Z1): 401 for nobody in particular, 403 with a challenge when
 * a scope is all that is missing, else 403. No answer names the rule.
 */
export function authorize({ authenticator }: AuthorizeOptions): Stage<IngressExchange> {
  return function authorize({ route, principal }, next) {
    const result = route?.require === undefined ? 'authorized' : checkAuthorization(route.require, principal);
    if (result !== 'authorized') {
      if (principal.kind === 'anonymous') throw authenticator.demandCredential(route?.auth);
      if (result === 'insufficient-scope') throw insufficientScope(principal.kind);
      throw new Fault('forbidden', `the rule of route ${route?.name ?? '-'} does not hold`);
    }
    return next();
  };
}

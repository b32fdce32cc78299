import { Fault } from '@tidegate/fault';
import type { Decision } from '@tidegate/grpc';
import { buildCheck, type LimiterLink } from '@tidegate/limiter-client';
import type { Stage } from '@tidegate/pipeline';
import { toDenial, toRateLimitFields } from '@tidegate/rate-limit';
import type { Clock } from '@tidegate/units';
import type { IngressExchange } from '../ingress-exchange.js';
import { buildLimitAttributes } from '../limit-attributes.js';

export interface LimitRateOptions {
  readonly link: LimiterLink;
  readonly clock: Clock;
}

/**
 * Asks the limiter; a denial is 429 (or 503, limiter/H1, H4) and never reaches egress. A route without a policy is not
 * limited. Stands after authorize: who may not use the route at all spends nobody's tokens.
 */
export function limitRate({ link, clock }: LimitRateOptions): Stage<IngressExchange> {
  return function limitRate(exchange, next) {
    const { route } = exchange;
    if (route?.policy === undefined) return next();
    const askedAtMs = clock.monotonicMs();
    const check = buildCheck(route.policy, buildLimitAttributes(exchange), { cost: route.cost, verbose: true });
    const proceed = (decision: Decision): Promise<void> => {
      exchange.limitMs = clock.monotonicMs() - askedAtMs;
      exchange.decision = decision;
      if (route.headers) exchange.rateLimitFields = toRateLimitFields(decision);
      if (decision.allowed) return next();
      exchange.fault = denialOf(decision);
      return answered;
    };
    const answer = link.check(check, { onLimiterFailure: route.onLimiterFailure });
    return answer instanceof Promise ? answer.then(proceed) : proceed(answer);
  };
}

const answered = Promise.resolve();

/** The RateLimit fields are on every answer (ClientAnswer); the denial adds what is its own. */
function denialOf(decision: Decision): Fault {
  const { code, internal, details } = toDenial(decision, { headers: false });
  return new Fault(code, internal, details);
}

import { compose, type Pipeline } from '@tidegate/pipeline';
import { identifyRequest, rescueErrors, type IdentifyRequestOptions, type RescueErrorsOptions } from '@tidegate/proxy';
import type { IngressExchange } from './ingress-exchange.js';
import { authenticate, type AuthenticateOptions } from './stages/authenticate.js';
import { authorize, type AuthorizeOptions } from './stages/authorize.js';
import { forwardToEgress, type ForwardToEgressOptions } from './stages/forward-to-egress.js';
import { limitRate, type LimitRateOptions } from './stages/limit-rate.js';
import { matchRoute, type MatchRouteOptions } from './stages/match-route.js';
import { recordRequest, type RecordRequestOptions } from './stages/record-request.js';
import { resolveClient, type ResolveClientOptions } from './stages/resolve-client.js';

/** What the stages need, by stage. */
export type PipelineOptions = IdentifyRequestOptions &
  RecordRequestOptions &
  RescueErrorsOptions<IngressExchange> &
  ResolveClientOptions &
  MatchRouteOptions &
  AuthenticateOptions &
  AuthorizeOptions & { readonly limiter: LimitRateOptions['link']; readonly forward: ForwardToEgressOptions };

/**
 * The path of one request, in order:
 * - recordRequest wraps rescueErrors, so it sees the status that was really sent;
 * - resolveClient stands before everything that counts by address;
 * - authorize stands before limitRate: who may not use a route spends nobody's tokens;
 * - a denied request never reaches forwardToEgress.
 */
export function createPipeline(options: PipelineOptions): Pipeline<IngressExchange> {
  const { clock, limiter, forward } = options;
  return compose<IngressExchange>([
    identifyRequest(options),
    recordRequest(options),
    rescueErrors(options),
    resolveClient(options),
    matchRoute(options),
    authenticate(options),
    authorize(options),
    limitRate({ link: limiter, clock }),
    forwardToEgress(forward),
  ]);
}

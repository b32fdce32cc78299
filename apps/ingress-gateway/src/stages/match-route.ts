import { Fault } from '@tidegate/fault';
import type { Stage } from '@tidegate/pipeline';
import { matchRoute as findRoute } from '@tidegate/routing';
import { findResourceIds } from '../resource-ids.js';
import type { IngressExchange } from '../ingress-exchange.js';
import type { Snapshot } from '../snapshot.js';

export interface MatchRouteOptions {
  readonly snapshot: () => Snapshot;
}

/** Pins the config version of this request and finds its route in it: 404 without one, 405 with Allow (gateway/R4). */
export function matchRoute({ snapshot }: MatchRouteOptions): Stage<IngressExchange> {
  return async function matchRoute(exchange, next) {
    const current = snapshot();
    exchange.snapshot = current;
    const match = findRoute(current.routes, exchange.head);
    if (match === undefined) throw new Fault('not-found', `no route for ${exchange.head.path}`);
    if ('allow' in match) {
      const allow = match.allow.join(', ');
      throw new Fault('method-not-allowed', `${exchange.head.method} on ${exchange.head.path}`, { fields: ['allow', allow] });
    }
    exchange.route = match.route;
    const params = Object.values(match.params);
    exchange.resourceIds = params.length > 0 ? params : findResourceIds(exchange.head.path);
    await next();
  };
}

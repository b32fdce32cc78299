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
  return function matchRoute(exchange, next) {
    const current = snapshot();
    exchange.snapshot = current;
    const match = findRoute(current.routes, exchange.head);
    if (match === undefined || 'allow' in match) throw toFault(exchange, current, match?.allow);
    exchange.route = match.route;
    exchange.isStreaming = match.route.stream;
    const params = Object.values(match.params);
    exchange.resourceIds = params.length > 0 ? params : findResourceIds(exchange.head.path);
    return next();
  };
}

/** 405 where the path takes other methods, and for methods no route at all takes (gateway/H1, R4); else 404. */
function toFault({ head }: IngressExchange, { methods }: Snapshot, allow: readonly string[] | undefined): Fault {
  const internal = `no route for ${head.method} ${head.path}`;
  if (allow === undefined && methods.has(head.method)) return new Fault('not-found', internal);
  return new Fault('method-not-allowed', internal, { fields: ['allow', (allow ?? []).join(', ')] });
}

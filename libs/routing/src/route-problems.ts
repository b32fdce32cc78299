import { parsePathTemplate, templateShape } from './path-template.js';
import { predicatesKey } from './predicate.js';
import type { PathMatch, RouteConfig } from './route-schema.js';

/** A mistake in the list of routes as a whole. */
export interface RouteProblem {
  /** Place below `routes`, e.g. [3, 'match']. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/**
 * Finds names given twice, and routes that can never be chosen because earlier ones take all their methods with the same
 * host, path and conditions (gateway/R2). Routes that merely overlap are fine: the earlier one wins. An undefined entry
 * keeps a place and is not looked at.
 */
export function findRouteProblems(routes: readonly (RouteConfig | undefined)[]): RouteProblem[] {
  return [...findNamesTwice(routes), ...findInseparable(routes)];
}

function findNamesTwice(routes: readonly (RouteConfig | undefined)[]): RouteProblem[] {
  const problems: RouteProblem[] = [];
  const seen = new Map<string, number>();
  for (const [at, route] of routes.entries()) {
    if (route === undefined) continue;
    const { name } = route;
    const first = seen.get(name);
    if (first === undefined) seen.set(name, at);
    else problems.push({ path: [at, 'name'], message: `route name "${name}" is taken by routes.${first}` });
  }
  return problems;
}

function findInseparable(routes: readonly (RouteConfig | undefined)[]): RouteProblem[] {
  const problems: RouteProblem[] = [];
  /** By host, path, conditions and method: who takes it first. */
  const takers = new Map<string, number>();
  for (const [at, route] of routes.entries()) {
    if (route === undefined) continue;
    const { match } = route;
    const conditions = `${pathKey(match.path)} ${predicatesKey(match.headers)} ${predicatesKey(match.query)}`;
    for (const host of match.hosts.length === 0 ? [''] : new Set(match.hosts)) {
      const keys = (match.methods.length === 0 ? [''] : match.methods).map((method) => `${method} ${host} ${conditions}`);
      const rivals = keys.map((key) => takers.get(key));
      const rival = rivals.includes(undefined) ? undefined : rivals[0];
      if (rival !== undefined) problems.push({ path: [at, 'match'], message: inseparable(routes[rival], rival) });
      for (const key of keys) takers.set(key, takers.get(key) ?? at);
    }
  }
  return problems;
}

function inseparable(rival: RouteConfig | undefined, at: number): string {
  return `nothing separates this route from "${rival?.name}" (routes.${at}): same host, path, methods and conditions; change one or remove it`;
}

/** Two paths of one key match the same requests with the same precedence. */
function pathKey({ kind, value }: PathMatch): string {
  const template = kind === 'template' ? parsePathTemplate(value) : value;
  return `${kind}:${typeof template === 'string' ? template : templateShape(template)}`;
}

import { RE2JS } from 're2js';
import { hostOf, matchRoute, type RoutableHead } from './match-route.js';
import { allowedMethods } from './method-table.js';
import { parsePathTemplate } from './path-template.js';
import { comparePrecedence, type RankedRoute } from './precedence.js';
import { combinedFieldValue, createPredicate, queryValue } from './predicate.js';
import type { Route, RouteTable } from './route-table.js';

/** A route whose host and path match, and what else it asks. */
export interface RouteCandidate {
  readonly route: string;
  /** Place in the file, from 0. */
  readonly position: number;
  /** For people, e.g. `host *.example.com, prefix /api/orders, methods GET POST`. */
  readonly match: string;
  /** Conditions that fail, for people; empty when the route matches. */
  readonly failed: readonly string[];
  /** Why it stands behind the candidate before it; '' for the first. */
  readonly behindBy: string;
}

/** Why a request goes where it goes. */
export interface RouteExplanation {
  /** All routes whose host and path match, most specific first. */
  readonly candidates: readonly RouteCandidate[];
  readonly winner?: string;
  readonly params: Readonly<Record<string, string>>;
  /** One sentence. */
  readonly why: string;
  readonly allow?: readonly string[];
}

/** Goes through all routes one by one, with no index: for people and as the model matchRoute is tested against. */
export function explainRoute(table: RouteTable, head: RoutableHead): RouteExplanation {
  const host = hostOf(head.authority);
  const ranked = table.routes
    .map((route) => ({ route, host: bestHost(route, host) }))
    .filter((entry): entry is RankedRoute => entry.host !== undefined && matchesPath(entry.route, head.path))
    .sort((a, b) => comparePrecedence(a, b, head.method).order);
  const candidates = ranked.map((entry, at): RouteCandidate => {
    const before = ranked[at - 1];
    return {
      route: entry.route.name,
      position: entry.route.position,
      match: describe(entry),
      failed: failedConditions(entry.route, head),
      behindBy: before === undefined ? '' : comparePrecedence(before, entry, head.method).criterion,
    };
  });
  const winner = candidates.findIndex(({ failed }) => failed.length === 0);
  const result = matchRoute(table, head);
  return {
    candidates,
    ...(winner < 0 ? {} : { winner: candidates[winner]?.route ?? '' }),
    params: result !== undefined && 'route' in result ? result.params : {},
    why: sentence(candidates, (next) => decidingCriterion(ranked, { winner, next, method: head.method })),
    ...(result !== undefined && 'allow' in result ? { allow: result.allow } : {}),
  };
}

function sentence(candidates: readonly RouteCandidate[], criterionAgainst: (at: number) => string): string {
  if (candidates.length === 0) return 'no route has this host and path';
  const matching = candidates.filter(({ failed }) => failed.length === 0);
  const [won, next] = matching;
  if (won === undefined) return 'routes have this host and path, but each asks for something the request lacks';
  const passed = candidates.slice(0, candidates.indexOf(won)).map(({ route }) => route);
  const skipped = passed.length === 0 ? '' : `; more specific, but they do not match: ${passed.join(', ')}`;
  if (next === undefined) return `"${won.route}" is the only route that matches${skipped}`;
  return `"${won.route}" comes before "${next.route}": ${criterionAgainst(candidates.indexOf(next))}${skipped}`;
}

function decidingCriterion(
  ranked: readonly RankedRoute[],
  { winner, next, method }: { winner: number; next: number; method: string },
): string {
  const [first, second] = [ranked[winner], ranked[next]];
  return first === undefined || second === undefined ? '' : comparePrecedence(first, second, method).criterion;
}

function bestHost(route: Route, host: string): string | undefined {
  const { hosts } = route.match;
  if (hosts.length === 0) return '';
  if (hosts.includes(host)) return host;
  const suffixes = hosts.filter(
    (pattern) => pattern.startsWith('*.') && host.endsWith(pattern.slice(1)) && host.length >= pattern.length,
  );
  return suffixes.sort((a, b) => b.length - a.length)[0];
}

function matchesPath({ match: { path } }: Route, requested: string): boolean {
  if (path.kind === 'exact') return requested === path.value;
  if (path.kind === 'prefix') return requested === path.value || requested.startsWith(`${path.value}/`);
  return path.kind === 'regex' ? RE2JS.compile(path.value).testExact(requested) : matchesTemplate(path.value, requested);
}

function matchesTemplate(text: string, requested: string): boolean {
  const template = parsePathTemplate(text);
  if (typeof template === 'string') return false;
  const given = requested.slice(1).split('/');
  const { segments, hasRest } = template;
  if (hasRest ? given.length <= segments.length : given.length !== segments.length) return false;
  return segments.every((segment, at) => (segment === null ? given[at] !== '' : given[at] === segment));
}

function failedConditions(route: Route, head: RoutableHead): string[] {
  const methods = allowedMethods(route);
  const failed =
    methods.length === 0 || methods.includes(head.method) ? [] : [`method ${head.method} is none of ${methods.join(', ')}`];
  for (const predicate of route.match.headers.map(createPredicate)) {
    if (!predicate.test(combinedFieldValue(head.fields, predicate.name)))
      failed.push(`header ${predicate.name} ${predicate.text}: it is not`);
  }
  for (const predicate of route.match.query.map(createPredicate)) {
    if (!predicate.test(queryValue(head.query, predicate.name)))
      failed.push(`query ${predicate.name} ${predicate.text}: it is not`);
  }
  return failed;
}

function describe({ route, host }: RankedRoute): string {
  const { path, methods, headers, query } = route.match;
  const parts = [host === '' ? 'any host' : `host ${host}`, `${path.kind} ${path.value === '' ? '/' : path.value}`];
  if (methods.length > 0) parts.push(`methods ${methods.join(' ')}`);
  for (const predicate of headers) parts.push(`header ${predicate.name} ${createPredicate(predicate).text}`);
  for (const predicate of query) parts.push(`query ${predicate.name} ${createPredicate(predicate).text}`);
  return parts.join(', ');
}

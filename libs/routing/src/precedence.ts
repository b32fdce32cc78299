import { parsePathTemplate, type PathTemplate } from './path-template.js';
import type { PathMatchKind } from './route-schema.js';
import type { Route } from './route-table.js';

/** A route that matches a request's host and path, and which of its hosts did ('' when it names none). */
export interface RankedRoute {
  readonly route: Route;
  readonly host: string;
}

const kindRank: Readonly<Record<PathMatchKind, number>> = { exact: 3, template: 2, prefix: 1, regex: 0 };

type Criterion = readonly [name: string, compare: (a: RankedRoute, b: RankedRoute, method: string) => number];

/** The order of gateway/R2. A positive result: `a` comes first. */
const criteria: readonly Criterion[] = [
  ['more specific host', (a, b) => hostRank(a.host) - hostRank(b.host)],
  [
    'exact path before template before prefix before regex',
    (a, b) => kindRank[a.route.match.path.kind] - kindRank[b.route.match.path.kind],
  ],
  ['more literal segments from the left', (a, b) => compareTemplates(a.route, b.route)],
  ['longer prefix', (a, b) => comparePrefixes(a.route, b.route)],
  ['method match', (a, b, method) => methodRank(a.route, method) - methodRank(b.route, method)],
  ['more header conditions', (a, b) => a.route.match.headers.length - b.route.match.headers.length],
  ['more query conditions', (a, b) => a.route.match.query.length - b.route.match.query.length],
  ['earlier in the file', (a, b) => b.route.position - a.route.position],
];
const withinPath = criteria.slice(4);

/** Order of two routes that match the same path of the same host; negative: `a` first. */
export function compareWithinPath(a: Route, b: Route, method: string): number {
  return decide(withinPath, { a: { route: a, host: '' }, b: { route: b, host: '' }, method }).order;
}

/** Order of two routes by all criteria (negative: `a` first), and the criterion that decided. */
export function comparePrecedence(a: RankedRoute, b: RankedRoute, method: string): { order: number; criterion: string } {
  return decide(criteria, { a, b, method });
}

function decide(
  list: readonly Criterion[],
  { a, b, method }: { a: RankedRoute; b: RankedRoute; method: string },
): { order: number; criterion: string } {
  for (const [criterion, compare] of list) {
    const order = compare(a, b, method);
    if (order !== 0) return { order: -order, criterion };
  }
  return { order: 0, criterion: 'nothing' };
}

/** Exact hosts first, then longer suffixes, then routes without a host. */
const hostRank = (host: string): number => (host.startsWith('*.') || host === '' ? host.length : 1_000);

/** 3: named; 2: HEAD by GET; 1: takes every method. */
function methodRank({ match: { methods } }: Route, method: string): number {
  if (methods.includes(method)) return 3;
  if (methods.length === 0) return 1;
  return method === 'HEAD' && methods.includes('GET') ? 2 : 0;
}

function comparePrefixes(a: Route, b: Route): number {
  return a.match.path.kind === 'prefix' && b.match.path.kind === 'prefix'
    ? a.match.path.value.length - b.match.path.value.length
    : 0;
}

function compareTemplates(a: Route, b: Route): number {
  const left = templateOf(a);
  const right = templateOf(b);
  if (left === undefined || right === undefined) return 0;
  for (let at = 0; at <= Math.max(left.segments.length, right.segments.length); at += 1) {
    const order = segmentRank(left, at) - segmentRank(right, at);
    if (order !== 0) return order;
  }
  return 0;
}

function templateOf({ match: { path } }: Route): PathTemplate | undefined {
  const template = path.kind === 'template' ? parsePathTemplate(path.value) : undefined;
  return typeof template === 'object' ? template : undefined;
}

/** A literal beats a parameter beats the rest. */
function segmentRank({ segments }: PathTemplate, at: number): number {
  const segment = segments[at];
  if (segment === undefined) return 0;
  return segment === null ? 1 : 2;
}

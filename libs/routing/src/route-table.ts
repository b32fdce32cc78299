import { RE2JS } from 're2js';
import { MethodTable, type Candidate } from './method-table.js';
import { parsePathTemplate, type PathTemplate } from './path-template.js';
import { createPredicate } from './predicate.js';
import { findRouteProblems } from './route-problems.js';
import type { PathMatch, RouteConfig } from './route-schema.js';
import { SegmentNode } from './segment-node.js';

/** A route ready to be matched. */
export interface Route extends RouteConfig {
  /** Bounded stand-in for the path in events and metrics: `/api/products/{id}`, `/api/orders/*`, `~^/v[0-9]+/`. */
  readonly template: string;
  /** Place in the file, from 0. */
  readonly position: number;
}

/** The paths of one host. */
export interface PathIndex {
  readonly exact: Map<string, MethodTable>;
  readonly templates: SegmentNode;
  readonly prefixes: SegmentNode;
  /** All regex routes; each candidate carries its pattern. */
  readonly regexes: MethodTable;
}

/** An immutable index over the routes of one config version. */
export interface RouteTable {
  readonly routes: readonly Route[];
  readonly byHost: ReadonlyMap<string, PathIndex>;
  /** By suffix without `*`, e.g. `.example.com`. */
  readonly bySuffix: ReadonlyMap<string, PathIndex>;
  readonly anyHost: PathIndex | undefined;
}

/** Builds the index. Throws a TypeError when `findRouteProblems` finds any: configs are checked before. */
export function compileRoutes(configs: readonly RouteConfig[]): RouteTable {
  const [problem] = findRouteProblems(configs);
  if (problem !== undefined) throw new TypeError(`routes.${problem.path.join('.')}: ${problem.message}`);
  const byHost = new Map<string, PathIndex>();
  const bySuffix = new Map<string, PathIndex>();
  const anyHost = new Map<string, PathIndex>();
  const routes = configs.map((config, position): Route => ({
    ...config,
    template: eventTemplate(config.match.path),
    position,
  }));
  for (const route of routes) {
    const candidate = createCandidate(route);
    const { hosts } = route.match;
    if (hosts.length === 0) addCandidate(pathIndexOf(anyHost, ''), candidate);
    for (const host of new Set(hosts)) {
      const index = host.startsWith('*.') ? pathIndexOf(bySuffix, host.slice(1)) : pathIndexOf(byHost, host);
      addCandidate(index, candidate);
    }
  }
  return { routes, byHost, bySuffix, anyHost: anyHost.get('') };
}

/** Shared, so that among many routes it stays in the processor's cache. */
const none: readonly never[] = [];

function createCandidate(route: Route): Candidate {
  const { match } = route;
  const template = match.path.kind === 'template' ? templateOf(route) : undefined;
  return {
    route,
    names: template?.names ?? none,
    pattern: match.path.kind === 'regex' ? RE2JS.compile(match.path.value) : undefined,
    headers: match.headers.length === 0 ? none : match.headers.map(createPredicate),
    query: match.query.length === 0 ? none : match.query.map(createPredicate),
  };
}

function addCandidate(index: PathIndex, candidate: Candidate): void {
  const { kind, value } = candidate.route.match.path;
  if (kind === 'exact') getOrMake(index.exact, value, () => new MethodTable()).add(candidate);
  else if (kind === 'regex') index.regexes.add(candidate);
  else if (kind === 'prefix')
    index.prefixes.descend(value === '' ? [] : value.slice(1).split('/')).addAt('subtree', candidate);
  else {
    const { segments, hasRest } = templateOf(candidate.route);
    index.templates.descend(segments).addAt(hasRest ? 'subtree' : 'end', candidate);
  }
}

function templateOf({ match, position }: Route): PathTemplate {
  const template = parsePathTemplate(match.path.value);
  if (typeof template === 'string') throw new TypeError(`routes.${position}.match.path.template: ${template}`);
  return template;
}

function eventTemplate({ kind, value }: PathMatch): string {
  if (kind === 'prefix') return `${value}/*`;
  return kind === 'regex' ? `~${value}` : value;
}

const pathIndexOf = (indexes: Map<string, PathIndex>, host: string): PathIndex =>
  getOrMake(indexes, host, () => ({
    exact: new Map<string, MethodTable>(),
    templates: new SegmentNode(),
    prefixes: new SegmentNode(),
    regexes: new MethodTable(),
  }));

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

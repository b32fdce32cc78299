import { RE2JS } from 're2js';
import { allowedMethods, MethodTable, type Candidate } from './method-table.js';
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

/** The paths of one host; a kind that no route has is left out. */
export interface PathIndex {
  exact: Map<string, MethodTable> | undefined;
  templates: SegmentNode | undefined;
  prefixes: SegmentNode | undefined;
  /** All regex routes; each candidate carries its pattern. */
  regexes: MethodTable | undefined;
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
  const pool = new WordPool();
  for (const route of routes) {
    const candidate = createCandidate(route, pool);
    const { hosts } = route.match;
    if (hosts.length === 0) addCandidate(pathIndexOf(anyHost, ''), candidate, pool);
    for (const host of new Set(hosts)) {
      const index = host.startsWith('*.') ? pathIndexOf(bySuffix, host.slice(1)) : pathIndexOf(byHost, host);
      addCandidate(index, candidate, pool);
    }
  }
  return { routes, byHost, bySuffix, anyHost: anyHost.get('') };
}

/** Makes equal words and equal lists of words one object: what many routes share stays in the processor's cache. */
class WordPool {
  readonly #words = new Map<string, string>();
  readonly #lists = new Map<string, readonly string[]>();

  word(word: string): string {
    return getOrMake(this.#words, word, () => word);
  }

  list(words: readonly string[]): readonly string[] {
    return getOrMake(this.#lists, words.join(), () => words.map((word) => this.word(word)));
  }
}

const none: readonly never[] = [];

function createCandidate(route: Route, pool: WordPool): Candidate {
  const { match } = route;
  const template = match.path.kind === 'template' ? templateOf(route) : undefined;
  return {
    route,
    methods: pool.list(allowedMethods(route)),
    names: pool.list(template?.names ?? none),
    pattern: match.path.kind === 'regex' ? RE2JS.compile(match.path.value) : undefined,
    headers: match.headers.length === 0 ? none : match.headers.map(createPredicate),
    query: match.query.length === 0 ? none : match.query.map(createPredicate),
  };
}

function addCandidate(index: PathIndex, candidate: Candidate, pool: WordPool): void {
  const { kind, value } = candidate.route.match.path;
  if (kind === 'exact') {
    index.exact ??= new Map();
    getOrMake(index.exact, value, () => new MethodTable()).add(candidate);
  } else if (kind === 'regex') {
    index.regexes ??= new MethodTable();
    index.regexes.add(candidate);
  } else if (kind === 'prefix') {
    index.prefixes ??= new SegmentNode();
    const segments = value === '' ? [] : value.slice(1).split('/');
    index.prefixes.descend(segments.map((segment) => pool.word(segment))).addAt('subtree', candidate);
  } else {
    const { segments, hasRest } = templateOf(candidate.route);
    index.templates ??= new SegmentNode();
    const node = index.templates.descend(segments.map((segment) => (segment === null ? null : pool.word(segment))));
    node.addAt(hasRest ? 'subtree' : 'end', candidate);
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
    exact: undefined,
    templates: undefined,
    prefixes: undefined,
    regexes: undefined,
  }));

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

import { takes, type Candidate, type MethodTable } from './method-table.js';
import { combinedFieldValue, queryValue } from './predicate.js';
import type { PathIndex, Route, RouteTable } from './route-table.js';
import type { SegmentNode } from './segment-node.js';

/** What matching looks at: a normalised head (gateway/R3). */
export interface RoutableHead {
  readonly method: string;
  /** Host and port, lower case; '' when the client named none. */
  readonly authority: string;
  readonly path: string;
  /** With its '?', or ''. */
  readonly query: string;
  /** Flat: lower-case name, value, ... */
  readonly fields: readonly string[];
}

/** The route of a request, and what its template's parameters took, undecoded. */
export interface RouteFound {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** Routes match the path, but none takes the method: the value of Allow (gateway/R4). */
export interface MethodRefused {
  readonly allow: readonly string[];
}

const noParams: Readonly<Record<string, string>> = Object.freeze({});

/** The most specific route that matches (gateway/R1, R2), or which methods would, or undefined: nothing has this path. */
export function matchRoute(table: RouteTable, head: RoutableHead): RouteFound | MethodRefused | undefined {
  const attempt = new Attempt(head);
  const found = findByHost(table, attempt);
  if (found !== undefined) return { route: found.route, params: attempt.paramsOf(found) };
  return attempt.isMethodTaken || attempt.allowed === undefined ? undefined : { allow: [...attempt.allowed].sort() };
}

/** The host of an authority: no port, no final dot. */
export function hostOf(authority: string): string {
  const colon = authority.indexOf(':', authority.startsWith('[') ? authority.indexOf(']') : 0);
  const host = colon < 0 ? authority : authority.slice(0, colon);
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

function findByHost(table: RouteTable, attempt: Attempt): Candidate | undefined {
  const { byHost, bySuffix, anyHost } = table;
  if (byHost.size + bySuffix.size > 0) {
    const host = hostOf(attempt.head.authority);
    const found = attempt.findIn(byHost.get(host)) ?? findBySuffix(bySuffix, host, attempt);
    if (found !== undefined) return found;
  }
  return attempt.findIn(anyHost);
}

function findBySuffix(bySuffix: ReadonlyMap<string, PathIndex>, host: string, attempt: Attempt): Candidate | undefined {
  if (bySuffix.size === 0) return undefined;
  // From 1: something must stand before the suffix.
  for (let dot = host.indexOf('.', 1); dot > 0; dot = host.indexOf('.', dot + 1)) {
    const found = attempt.findIn(bySuffix.get(host.slice(dot)));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** One search: what it collects on the way. */
class Attempt {
  /** Methods of candidates that match the path but not the method. */
  allowed: Set<string> | undefined;
  /** A candidate matched path and method, and failed by a condition: that is no 405. */
  isMethodTaken = false;
  /** What the parameters on the current way through the trie took. */
  readonly #values: string[] = [];

  constructor(readonly head: RoutableHead) {}

  findIn(index: PathIndex | undefined): Candidate | undefined {
    if (index === undefined) return undefined;
    return (
      this.#take(index.exact?.get(this.head.path)) ??
      (index.templates && this.#findTemplate(index.templates, 1)) ??
      (index.prefixes && this.#findPrefix(index.prefixes, 1)) ??
      this.#findRegex(index.regexes)
    );
  }

  paramsOf({ names }: Candidate): Readonly<Record<string, string>> {
    if (names.length === 0) return noParams;
    const params: Record<string, string> = {};
    for (let i = 0; i < names.length; i += 1) params[names[i] ?? ''] = this.#values[i] ?? '';
    return params;
  }

  /** Depth first, literal before parameter before rest: more literal segments from the left win. */
  #findTemplate(node: SegmentNode, from: number): Candidate | undefined {
    const { path } = this.head;
    if (from > path.length) return this.#take(node.end);
    const slash = path.indexOf('/', from);
    const end = slash < 0 ? path.length : slash;
    const segment = path.slice(from, end);
    const literal = node.literal(segment);
    const found = literal === undefined ? undefined : this.#findTemplate(literal, end + 1);
    if (found !== undefined) return found;
    if (node.parameter !== undefined && end > from) {
      this.#values.push(segment);
      const below = this.#findTemplate(node.parameter, end + 1);
      if (below !== undefined) return below;
      this.#values.pop();
    }
    return node.subtree === undefined ? undefined : this.#takeRest(node.subtree, path.slice(from));
  }

  #takeRest(table: MethodTable, rest: string): Candidate | undefined {
    this.#values.push(rest);
    const found = this.#take(table);
    if (found === undefined) this.#values.pop();
    return found;
  }

  /** The deepest node first: the longest prefix wins. */
  #findPrefix(node: SegmentNode, from: number): Candidate | undefined {
    const { path } = this.head;
    if (node.hasLiterals && from <= path.length) {
      const slash = path.indexOf('/', from);
      const end = slash < 0 ? path.length : slash;
      const below = node.literal(path.slice(from, end));
      const found = below === undefined ? undefined : this.#findPrefix(below, end + 1);
      if (found !== undefined) return found;
    }
    return this.#take(node.subtree);
  }

  #findRegex(table: MethodTable | undefined): Candidate | undefined {
    if (table === undefined) return undefined;
    const candidates = table.candidatesFor(this.head.method);
    for (const candidate of candidates) {
      if (candidate.pattern?.testExact(this.head.path) !== true) continue;
      this.isMethodTaken = true;
      if (this.#hasConditions(candidate)) return candidate;
    }
    if (this.isMethodTaken) return undefined;
    for (const candidate of table.all) {
      if (!candidates.includes(candidate) && candidate.pattern?.testExact(this.head.path) === true) this.#allow(candidate);
    }
    return undefined;
  }

  #take(table: MethodTable | undefined): Candidate | undefined {
    if (table === undefined) return undefined;
    if (table.only !== undefined) return this.#takeOnly(table.only);
    const candidates = table.candidatesFor(this.head.method);
    if (candidates.length === 0) table.all.forEach((candidate) => this.#allow(candidate));
    else this.isMethodTaken = true;
    for (const candidate of candidates) if (this.#hasConditions(candidate)) return candidate;
    return undefined;
  }

  #takeOnly(candidate: Candidate): Candidate | undefined {
    if (!takes(candidate, this.head.method)) {
      this.#allow(candidate);
      return undefined;
    }
    this.isMethodTaken = true;
    return this.#hasConditions(candidate) ? candidate : undefined;
  }

  #allow(candidate: Candidate): void {
    this.allowed ??= new Set();
    for (const method of candidate.methods) this.allowed.add(method);
  }

  #hasConditions({ headers, query }: Candidate): boolean {
    for (const predicate of headers) if (!predicate.test(combinedFieldValue(this.head.fields, predicate.name))) return false;
    for (const predicate of query) if (!predicate.test(queryValue(this.head.query, predicate.name))) return false;
    return true;
  }
}

import type { RE2JS } from 're2js';
import type { PathTemplate } from './path-template.js';
import { compareWithinPath } from './precedence.js';
import type { Predicate } from './predicate.js';
import type { Route } from './route-table.js';

/** A route with everything compiled that a match asks for. */
export interface Candidate {
  readonly route: Route;
  readonly template: PathTemplate | undefined;
  readonly pattern: RE2JS | undefined;
  readonly headers: readonly Predicate[];
  readonly query: readonly Predicate[];
}

/** The candidates of one path, by method, each list in order of precedence. Complete before the first question. */
export class MethodTable {
  readonly all: Candidate[] = [];
  #lists: { byMethod: Map<string, Candidate[]>; unnamed: Candidate[] } | undefined;

  add(candidate: Candidate): void {
    this.all.push(candidate);
    this.#lists = undefined;
  }

  /** Candidates whose methods allow this one. */
  candidatesFor(method: string): readonly Candidate[] {
    this.#lists ??= this.#buildLists();
    return this.#lists.byMethod.get(method) ?? this.#lists.unnamed;
  }

  #buildLists(): { byMethod: Map<string, Candidate[]>; unnamed: Candidate[] } {
    const methods = new Set(this.all.flatMap(({ route }) => allowedMethods(route)));
    return { byMethod: new Map([...methods].map((method) => [method, this.#sorted(method)])), unnamed: this.#sorted('') };
  }

  #sorted(method: string): Candidate[] {
    const taking = this.all.filter(({ route }) => route.match.methods.length === 0 || allowedMethods(route).includes(method));
    return taking.sort((a, b) => compareWithinPath(a.route, b.route, method));
  }
}

/** Methods a route names, HEAD where GET is (gateway/R4); none: it takes all. */
export function allowedMethods({ match: { methods } }: Route): string[] {
  return methods.includes('GET') && !methods.includes('HEAD') ? [...methods, 'HEAD'] : [...methods];
}

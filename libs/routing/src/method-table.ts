import type { RE2JS } from 're2js';
import { compareWithinPath } from './precedence.js';
import type { Predicate } from './predicate.js';
import type { Route } from './route-table.js';

/** A route with everything compiled that a match asks for. */
export interface Candidate {
  readonly route: Route;
  /** Of its template's parameters, from the left. */
  readonly names: readonly string[];
  readonly pattern: RE2JS | undefined;
  readonly headers: readonly Predicate[];
  readonly query: readonly Predicate[];
}

/** The candidates of one path, by method, each list in order of precedence. Complete before the first question. */
export class MethodTable {
  readonly all: Candidate[] = [];
  /** Methods the candidates name; the list of the same place holds who takes it. A handful: cheaper to walk than a map. */
  #methods: string[] | undefined;
  #lists: Candidate[][] = [];
  /** For methods none names. */
  #unnamed: Candidate[] = [];

  add(candidate: Candidate): void {
    this.all.push(candidate);
    this.#methods = undefined;
  }

  /** Candidates whose methods allow this one. */
  candidatesFor(method: string): readonly Candidate[] {
    const at = (this.#methods ?? this.#index()).indexOf(method);
    return this.#lists[at] ?? this.#unnamed;
  }

  #index(): string[] {
    const methods = [...new Set(this.all.flatMap(({ route }) => allowedMethods(route)))];
    this.#lists = methods.map((method) => this.#sorted(method));
    this.#unnamed = this.#sorted('');
    this.#methods = methods;
    return methods;
  }

  #sorted(method: string): Candidate[] {
    const taking = this.all.filter(
      ({ route }) => route.match.methods.length === 0 || allowedMethods(route).includes(method),
    );
    return taking.sort((a, b) => compareWithinPath(a.route, b.route, method));
  }
}

/** Methods a route names, HEAD where GET is (gateway/R4); none: it takes all. */
export function allowedMethods({ match: { methods } }: Route): string[] {
  return methods.includes('GET') && !methods.includes('HEAD') ? [...methods, 'HEAD'] : [...methods];
}

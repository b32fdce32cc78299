import type { RE2JS } from 're2js';
import { compareWithinPath } from './precedence.js';
import type { Predicate } from './predicate.js';
import type { Route } from './route-table.js';

/** A route with everything compiled that a match asks for. */
export interface Candidate {
  readonly route: Route;
  /** See allowedMethods; equal lists are one object. */
  readonly methods: readonly string[];
  /** Of its template's parameters, from the left. */
  readonly names: readonly string[];
  readonly pattern: RE2JS | undefined;
  readonly headers: readonly Predicate[];
  readonly query: readonly Predicate[];
}

const none: readonly Candidate[] = [];

/** The candidates of one path, by method, each list in order of precedence. Complete before the first question. */
export class MethodTable {
  readonly all: Candidate[] = [];
  /** The candidate, while there is one: most paths have one route, and asking it needs no list. */
  only: Candidate | undefined;
  /** By method named; '' holds who takes methods that none names. Made at the first question. */
  #byMethod: Map<string, Candidate[]> | undefined;

  add(candidate: Candidate): void {
    this.all.push(candidate);
    this.only = this.all.length === 1 ? candidate : undefined;
    this.#byMethod = undefined;
  }

  /** Candidates whose methods allow this one. */
  candidatesFor(method: string): readonly Candidate[] {
    this.#byMethod ??= this.#index();
    return this.#byMethod.get(method) ?? this.#byMethod.get('') ?? none;
  }

  #index(): Map<string, Candidate[]> {
    const methods = new Set(['', ...this.all.flatMap((candidate) => candidate.methods)]);
    return new Map([...methods].map((method) => [method, this.#sorted(method)]));
  }

  #sorted(method: string): Candidate[] {
    const taking = this.all.filter((candidate) => takes(candidate, method));
    return taking.sort((a, b) => compareWithinPath(a.route, b.route, method));
  }
}

/** Whether a candidate's methods allow this one. */
export const takes = ({ methods }: Candidate, method: string): boolean => methods.length === 0 || methods.includes(method);

/** Methods a route names, HEAD where GET is (gateway/R4); none: it takes all. */
export function allowedMethods({ match: { methods } }: Route): string[] {
  return methods.includes('GET') && !methods.includes('HEAD') ? [...methods, 'HEAD'] : [...methods];
}

import { BodyCompletion, type Event, type RequestEvent } from '@tidegate/grpc';

/** What repeats from request to request: each combination is kept once and named by a number. */
export interface Shape {
  readonly route: string;
  readonly service: string;
  readonly path_template: string;
  readonly method: string;
  readonly status: number;
  readonly fault_code: string;
  readonly principal_kind: string;
  readonly plan: string;
  readonly authentication_class: string;
  readonly policy: string;
  readonly bound_limit: string;
  readonly decision_reason: number;
  readonly degraded: boolean;
  /** Refused by the limiter. */
  readonly denied: boolean;
  readonly completion: string;
  readonly cache_state: string;
  readonly breaker_state: string;
  readonly upstream: string;
  readonly attempts: number;
  readonly app: string;
  readonly instance: string;
  readonly config_version: string;
}

/** Columns of `shapes` after its number, in table order. */
export const shapeColumns: Readonly<Record<keyof Shape, 'VARCHAR' | 'INTEGER' | 'BOOLEAN'>> = {
  route: 'VARCHAR',
  service: 'VARCHAR',
  path_template: 'VARCHAR',
  method: 'VARCHAR',
  status: 'INTEGER',
  fault_code: 'VARCHAR',
  principal_kind: 'VARCHAR',
  plan: 'VARCHAR',
  authentication_class: 'VARCHAR',
  policy: 'VARCHAR',
  bound_limit: 'VARCHAR',
  decision_reason: 'INTEGER',
  degraded: 'BOOLEAN',
  denied: 'BOOLEAN',
  completion: 'VARCHAR',
  cache_state: 'VARCHAR',
  breaker_state: 'VARCHAR',
  upstream: 'VARCHAR',
  attempts: 'INTEGER',
  app: 'VARCHAR',
  instance: 'VARCHAR',
  config_version: 'VARCHAR',
};

const deniedFaults: ReadonlySet<string> = new Set([
  'quota-exceeded',
  'abnormal-usage-detected',
  'temporary-reduced-capacity',
  'limiter-unavailable',
]);

const completions: Readonly<Record<number, string>> = {
  [BodyCompletion.COMPLETE]: 'complete',
  [BodyCompletion.ABORTED]: 'aborted',
  [BodyCompletion.UNKNOWN]: 'unknown',
};

/** The repeating part of a request event. */
export function toShape(event: Event, request: RequestEvent): Shape {
  return {
    route: request.route === '' ? '-' : request.route,
    service: request.service,
    path_template: request.pathTemplate,
    method: request.method,
    status: request.status,
    fault_code: request.faultCode,
    principal_kind: request.principalKind,
    plan: request.plan,
    authentication_class: request.authenticationClass,
    policy: request.policy,
    bound_limit: request.boundLimit,
    decision_reason: request.decisionReason,
    degraded: request.degraded,
    denied: deniedFaults.has(request.faultCode),
    completion: completions[request.completion] ?? '',
    cache_state: request.cacheState,
    breaker_state: request.breakerState,
    upstream: request.upstream,
    attempts: request.attempts,
    app: event.app,
    instance: event.instance,
    config_version: event.configVersion,
  };
}

/** A shape with its number and what a request event must have to be of it. */
interface KnownShape {
  readonly number: number;
  readonly event: Event;
  readonly request: RequestEvent;
}

/** Shapes kept per route and status, and in all; past it they are named anew. Two numbers for one shape are no harm to a query. */
const perKeyMax = 64;
const shapesMax = 50_000;

/** Names shapes by numbers. */
export class ShapeNames {
  #byRoute = new Map<string, Map<number, KnownShape[]>>();
  #count = 0;
  #next = 1;
  #fresh: [number, Shape][] = [];
  /** First numbers of this generation of names and of the one before it. */
  #generations: readonly [number, number] = [1, 1];

  /** Forgets all names; new ones start at `next`. */
  reset(next: number): void {
    this.#byRoute = new Map();
    this.#count = 0;
    this.#next = next;
    this.#fresh = [];
    this.#generations = [next, next];
  }

  /** No event that is still to be written has a lower number. */
  get lowestInUse(): number {
    return this.#generations[1];
  }

  /** The number of the shape of a request event. */
  numberOf(event: Event, request: RequestEvent): number {
    const candidates = this.#candidatesOf(request);
    for (let at = 0; at < candidates.length; at += 1) {
      const known = candidates[at] as KnownShape;
      if (!isSameShape(known, event, request)) continue;
      // The one seen last is compared first.
      if (at > 0) {
        candidates[at] = candidates[at - 1] as KnownShape;
        candidates[at - 1] = known;
      }
      return known.number;
    }
    return this.#add(candidates, event, request);
  }

  /** The shapes named since the last call. */
  takeFresh(): readonly (readonly [number, Shape])[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  #candidatesOf({ route, status }: RequestEvent): KnownShape[] {
    let byStatus = this.#byRoute.get(route);
    if (byStatus === undefined) {
      byStatus = new Map();
      this.#byRoute.set(route, byStatus);
    }
    let candidates = byStatus.get(status);
    if (candidates === undefined) {
      candidates = [];
      byStatus.set(status, candidates);
    }
    return candidates;
  }

  #add(candidates: KnownShape[], event: Event, request: RequestEvent): number {
    const number = this.#next;
    this.#next += 1;
    this.#count += 1;
    this.#fresh.push([number, toShape(event, request)]);
    if (this.#count > shapesMax) {
      this.#byRoute = new Map();
      this.#count = 0;
      // Events named before may not be written yet: theirs stay for one generation more.
      this.#generations = [this.#next, this.#generations[0]];
      return number;
    }
    if (candidates.length >= perKeyMax) candidates.pop();
    candidates.unshift({ number, event, request });
    return number;
  }
}

function isSameShape({ event: e, request: r }: KnownShape, event: Event, request: RequestEvent): boolean {
  return (
    r.attempts === request.attempts &&
    r.decisionReason === request.decisionReason &&
    r.completion === request.completion &&
    r.degraded === request.degraded &&
    r.method === request.method &&
    r.upstream === request.upstream &&
    r.faultCode === request.faultCode &&
    r.boundLimit === request.boundLimit &&
    r.policy === request.policy &&
    r.pathTemplate === request.pathTemplate &&
    r.service === request.service &&
    r.authenticationClass === request.authenticationClass &&
    r.principalKind === request.principalKind &&
    r.plan === request.plan &&
    r.cacheState === request.cacheState &&
    r.breakerState === request.breakerState &&
    e.instance === event.instance &&
    e.app === event.app &&
    e.configVersion === event.configVersion
  );
}

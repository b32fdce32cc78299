import { byteSize, durationMs, name } from '@tidegate/units';
import { z } from 'zod';
import { normaliseTarget } from './normalise-target.js';
import { parsePathTemplate } from './path-template.js';
import { headerPredicates, queryPredicates, regexPattern, type PredicateConfig } from './predicate.js';
import { requireRuleSchema, type RequireRule } from './require-rule.js';
import { findRouteProblems } from './route-problems.js';

/** How a route's path is given. */
export type PathMatchKind = 'exact' | 'template' | 'prefix' | 'regex';

/** The path a route matches, in its normalised spelling. */
export interface PathMatch {
  readonly kind: PathMatchKind;
  /** A prefix has no trailing slash; the prefix of everything is ''. */
  readonly value: string;
}

/** What a request must look like for a route (gateway/R1). Empty lists ask nothing. */
export interface RouteMatch {
  /** `api.example.com` or `*.example.com`, lower case. */
  readonly hosts: readonly string[];
  readonly path: PathMatch;
  /** Upper case; GET takes HEAD too. */
  readonly methods: readonly string[];
  readonly headers: readonly PredicateConfig[];
  readonly query: readonly PredicateConfig[];
}

/** Whose credentials a route takes. */
export interface RouteAuth {
  /** In order: the first whose credential is present decides. */
  readonly providers: readonly string[];
  /** True: a request without any credential is let in as anonymous. */
  readonly optional: boolean;
}

/** One entry of `routes:`. */
export interface RouteConfig {
  readonly name: string;
  readonly match: RouteMatch;
  readonly service: string;
  /** Limiter policy; without one nothing is limited. */
  readonly policy?: string | undefined;
  /** Tokens a request asks of each limit; 0 is a peek. */
  readonly cost?: number | undefined;
  readonly auth?: RouteAuth | undefined;
  readonly require?: RequireRule | undefined;
  readonly bodyBytesMax: number;
  /** To the first byte of the answer; undefined: the service's. */
  readonly timeoutMs?: number | undefined;
  /** Long-lived bodies: no minimum rate, no total time. */
  readonly stream: boolean;
  /** Whether the client's credential goes to the service; undefined: bearer tokens do, API keys do not (gateway/Z5). */
  readonly keepCredential?: boolean | undefined;
  /** What happens when no limiter answers (limiter/C4). */
  readonly onLimiterFailure: 'local' | 'allow' | 'deny';
  /** Whether answers carry the RateLimit fields (limiter/H2). */
  readonly headers: boolean;
}

const mebibyte = 1_048_576;
const hostPattern = /^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$|^\[[0-9a-f:.]+\]$/;
const methodPattern = /^[!#$%&'*+.^_`|~0-9A-Z-]{1,32}$/;
/** Encoded slashes may be written in a route; whether requests may hold them is the listener's business. */
const ownSpelling = { encodedSlash: 'keep', mergeSlashes: false } as const;

const plainPath = () =>
  z
    .string()
    .max(2_048)
    .superRefine((path, ctx) => addPathIssue(path, path, ctx));

const templatePath = () =>
  z
    .string()
    .max(2_048)
    .superRefine((text, ctx) => {
      const template = parsePathTemplate(text);
      if (typeof template === 'string') ctx.addIssue({ code: 'custom', message: template });
      // Parameters stand aside while the literal segments are checked.
      else
        addPathIssue(
          `/${[...template.segments.map((segment) => segment ?? 'x'), ...(template.hasRest ? ['x'] : [])].join('/')}`,
          text,
          ctx,
        );
    });

const pathMatch = z
  .strictObject({
    exact: plainPath().optional(),
    template: templatePath().optional(),
    prefix: plainPath().optional(),
    regex: regexPattern().optional(),
  })
  .transform((path, ctx): PathMatch => {
    const given = Object.entries(path).filter((entry): entry is [PathMatchKind, string] => entry[1] !== undefined);
    const [kind, value] = given[0] ?? [];
    if (kind === undefined || value === undefined || given.length > 1) {
      ctx.addIssue({ code: 'custom', message: 'expected exactly one of exact, template, prefix, regex' });
      return z.NEVER;
    }
    return { kind, value: kind === 'prefix' && value.endsWith('/') ? value.slice(0, -1) : value };
  });

const matchSchema = z.strictObject({
  hosts: z
    .array(
      z
        .string()
        .max(253)
        .regex(hostPattern, 'expected a host such as api.example.com or *.example.com, in lower case and without a port'),
    )
    .min(1)
    .max(64)
    .default([]),
  path: pathMatch,
  methods: z
    .array(
      z
        .string()
        .regex(methodPattern, 'expected a method in upper case')
        .refine((method) => !['CONNECT', 'TRACE'].includes(method), 'CONNECT and TRACE are never routed'),
    )
    .min(1)
    .max(16)
    .default([]),
  headers: headerPredicates().default([]),
  query: queryPredicates().default([]),
});

const routeSchema = z
  .strictObject({
    name: name(),
    match: matchSchema,
    service: name(),
    policy: name().optional(),
    cost: z.int().min(0).max(4_294_967_295).optional(),
    auth: z.strictObject({ providers: z.array(name()).min(1).max(8), optional: z.boolean().default(false) }).optional(),
    require: requireRuleSchema.optional(),
    maxBodyBytes: byteSize().default(10 * mebibyte),
    timeout: durationMs(1, 3_600_000).optional(),
    stream: z.boolean().default(false),
    keepCredential: z.boolean().optional(),
    onLimiterFailure: z.enum(['local', 'allow', 'deny']).default('local'),
    headers: z.boolean().default(true),
  })
  .refine((route) => route.require === undefined || route.auth !== undefined, {
    path: ['require'],
    message: 'a route that requires something of its principal needs auth.providers',
  })
  .transform(({ maxBodyBytes, timeout, ...rest }): RouteConfig => ({
    ...rest,
    bodyBytesMax: maxBodyBytes,
    timeoutMs: timeout,
  }));

/** Schema of `routes:`; duplicate and inseparable routes are problems too. */
export const routesSchema = z
  .array(routeSchema)
  .max(100_000)
  .superRefine(
    (routes, ctx) => {
      // Routes with mistakes of their own stay as they were written; the others are compared all the same.
      const sound = routes.map((route) =>
        typeof route === 'object' && route !== null && 'bodyBytesMax' in route ? route : undefined,
      );
      for (const { path, message } of findRouteProblems(sound)) ctx.addIssue({ code: 'custom', path: [...path], message });
    },
    { when: ({ value }) => Array.isArray(value) },
  );

/** Schema parts of a listener that reads targets: spread them into its strictObject. */
export const targetRulesShape = {
  encodedSlash: z.enum(['refuse', 'keep']).default('refuse'),
  mergeSlashes: z.boolean().default(false),
};

function addPathIssue(path: string, text: string, ctx: z.RefinementCtx): void {
  const problem = (message: string) => ctx.addIssue({ code: 'custom', message: `${message}, got "${text}"` });
  if (path.includes('?')) return problem('expected a path without a query (query parameters have their own "query:")');
  const target = normaliseTarget(path, ownSpelling);
  if ('problem' in target) problem(`expected a path: ${target.problem}`);
  else if (target.path !== path)
    problem(`expected the spelling requests have after normalisation${path === text ? `, "${target.path}"` : ''}`);
}

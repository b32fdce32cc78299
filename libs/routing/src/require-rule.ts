import { z } from 'zod';
import { hasClaim, type ClaimValue } from './claims.js';

/** What a principal must have: every part given must hold, and parts nest (gateway/Z1). */
export interface RequireRule {
  /** All of these scopes. */
  readonly scopes?: readonly string[] | undefined;
  /** All of these roles. */
  readonly roles?: readonly string[] | undefined;
  /** Each claim equals the value, or is a list that holds it. A name that starts with '/' is a JSON pointer (RFC 6901). */
  readonly claims?: Readonly<Record<string, ClaimValue>> | undefined;
  /** At least one of these. */
  readonly any?: readonly RequireRule[] | undefined;
  /** Every one of these. */
  readonly all?: readonly RequireRule[] | undefined;
}

/** The part of a principal that rules look at: parsed values. */
export interface AuthorizationSubject {
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
}

/** `insufficient-scope`: more scopes alone would do. `forbidden`: they would not. */
export type AuthorizationResult = 'authorized' | 'insufficient-scope' | 'forbidden';

const word = () =>
  z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/, 'expected a name without blanks, quotes and backslashes');
const depthMax = 8;

/** Schema of `require:` on a route. */
export const requireRuleSchema: z.ZodType<RequireRule> = z
  .strictObject({
    scopes: z.array(word()).min(1).max(64).optional(),
    roles: z.array(word()).min(1).max(64).optional(),
    claims: z.record(z.string().min(1).max(256), z.union([z.string(), z.number(), z.boolean()])).optional(),
    get any() {
      return z.array(requireRuleSchema).min(1).max(32).optional();
    },
    get all() {
      return z.array(requireRuleSchema).min(1).max(32).optional();
    },
  })
  .refine((rule) => Object.values(rule).some((part) => part !== undefined), {
    message: 'expected at least one of scopes, roles, claims, any, all',
  })
  .refine((rule) => depthOf(rule) <= depthMax, { message: `expected at most ${depthMax} levels of any and all` });

/**
 * Whether the rule holds for the principal, and if not, whether scopes are all that is missing (RFC 6750 section 3.1).
 * Compares parsed values, never substrings.
 */
export function checkAuthorization(rule: RequireRule, subject: AuthorizationSubject): AuthorizationResult {
  if (holds(rule, subject, false)) return 'authorized';
  return holds(rule, subject, true) ? 'insufficient-scope' : 'forbidden';
}

function holds(rule: RequireRule, subject: AuthorizationSubject, hasEveryScope: boolean): boolean {
  const { scopes, roles, claims, any, all } = rule;
  if (scopes !== undefined && !hasEveryScope && !scopes.every((scope) => subject.scopes.includes(scope))) return false;
  if (roles !== undefined && !roles.every((role) => subject.roles.includes(role))) return false;
  if (claims !== undefined && !Object.entries(claims).every(([name, value]) => hasClaim(subject.claims, name, value)))
    return false;
  if (any !== undefined && !any.some((part) => holds(part, subject, hasEveryScope))) return false;
  return all === undefined || all.every((part) => holds(part, subject, hasEveryScope));
}

const depthOf = (rule: RequireRule): number => 1 + Math.max(0, ...[...(rule.any ?? []), ...(rule.all ?? [])].map(depthOf));

export { claimAt, hasClaim, type ClaimValue } from './claims.js';
export { explainRoute, type RouteCandidate, type RouteExplanation } from './explain-route.js';
export { matchRoute, type MethodRefused, type RoutableHead, type RouteFound } from './match-route.js';
export {
  normaliseTarget,
  strictTargetRules,
  type NormalisedTarget,
  type TargetProblem,
  type TargetRules,
} from './normalise-target.js';
export type { PredicateConfig } from './predicate.js';
export { checkAuthorization, type AuthorizationResult, type AuthorizationSubject, type RequireRule } from './require-rule.js';
export {
  routesSchema,
  targetRulesShape,
  type PathMatch,
  type PathMatchKind,
  type RouteAuth,
  type RouteConfig,
  type RouteMatch,
} from './route-schema.js';
export { compileRoutes, type Route, type RouteTable } from './route-table.js';

export { explainRoute, type RouteCandidate, type RouteExplanation } from './explain-route.js';
export { hostOf, matchRoute, type MethodRefused, type RoutableHead, type RouteFound } from './match-route.js';
export {
  normaliseTarget,
  strictTargetRules,
  type NormalisedTarget,
  type TargetProblem,
  type TargetRules,
} from './normalise-target.js';
export type { PredicateConfig } from './predicate.js';
export {
  checkAuthorization,
  isAuthorized,
  requireRuleSchema,
  type AuthorizationResult,
  type AuthorizationSubject,
  type ClaimValue,
  type RequireRule,
} from './require-rule.js';
export { findRouteProblems, type RouteProblem } from './route-problems.js';
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

export { emptyDecision, toLimiterDownDecision } from './failure-decision.js';
export {
  createLimiterClient,
  type LimiterClient,
  type LimiterClientLogger,
  type LimiterClientOptions,
  type LimiterClientStats,
} from './limiter-client.js';
export { errorTrailer, LimiterError, type LimiterErrorCode } from './limiter-error.js';
export {
  buildCheck,
  effectiveTimeoutMs,
  type CheckOptions,
  type LimiterLink,
  type OnLimiterFailure,
} from './limiter-link.js';
export type { ClientTlsFiles } from './replica-lane.js';

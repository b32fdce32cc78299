// Forwarding: from a gateway to the next hop.
export { Circuit, CountedError, type CircuitChange, type CircuitHold, type CircuitState } from './forward/circuit.js';
export { DeadlineWheel } from './forward/deadline-wheel.js';
export { dispatchUpstream, type DispatchOptions } from './forward/dispatch-upstream.js';
export {
  createNetworkEgressLink,
  endUncertain,
  type EgressCall,
  type EgressLink,
  type NetworkEgressLinkOptions,
} from './forward/egress-link.js';
export type { Endpoint } from './forward/endpoint.js';
export { isRepeatable, mayRetry } from './forward/may-retry.js';
export {
  egressSchema,
  originUrl,
  servicesSchema,
  type BreakerConfig,
  type EgressConfig,
  type HealthCheckConfig,
  type OutlierConfig,
  type RetryConfig,
  type ServiceConfig,
  type ServicesConfig,
} from './forward/services-schema.js';
export type { ParsedFields } from './forward/response-framing.js';
export type { UpstreamCall } from './forward/upstream-call.js';
export type { FailureStage, UpstreamFailure } from './forward/upstream-failure.js';
export { toRequestFields, toResponseFields, wantsTrailers } from './forward/upstream-fields.js';
export { UpstreamService, type UpstreamServiceListener, type UpstreamServiceOptions } from './forward/upstream-service.js';

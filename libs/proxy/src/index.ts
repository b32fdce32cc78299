// Serving: from a client, or the tier before, to the pipeline.
export {
  resolveClientAddress,
  writeForwardedFields,
  type ClientAddress,
  type ClientAddressQuery,
  type ClientAddressSource,
  type ForwardedHop,
} from './client-address.js';
export { identifyRequest, type IdentifiedExchange, type IdentifyRequestOptions } from './identify-request.js';
export { rescueErrors, type RescuedExchange, type RescueErrorsOptions } from './rescue-errors.js';
export { isReservedField, reservedFields } from './reserved-fields.js';
export { createGatewayServer, GatewayServer, type GatewayServerOptions } from './server/gateway-server.js';
export { HttpExchange, type ExchangeParts } from './server/http-exchange.js';
export { drainSchema, listenersSchema, type DrainConfig, type ListenerConfig } from './server/listeners-schema.js';
export type { Refusal } from './server/refusal.js';
export type { ServerLogger } from './server/server-context.js';
export { egressLimits, type ServerLimits } from './server/server-limits.js';
export { compileTrustedProxies, type IsTrusted } from './trusted-proxies.js';
export { appendVia, countVia } from './via.js';

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
  originUrl,
  servicesSchema,
  streamIdleMs,
  type BreakerConfig,
  type HealthCheckConfig,
  type OutlierConfig,
  type RetryConfig,
  type ServiceConfig,
  type ServicesConfig,
} from './forward/services-schema.js';
export type { ParsedFields } from './forward/response-framing.js';
export type { UpstreamCall } from './forward/upstream-call.js';
export type { FailureStage, UpstreamFailure } from './forward/upstream-failure.js';
export { toRequestFields, toResponseFields, type RequestFieldsToSend } from './forward/upstream-fields.js';
export { UpstreamService, type HealthChange, type UpstreamServiceListener, type UpstreamServiceOptions } from './forward/upstream-service.js';

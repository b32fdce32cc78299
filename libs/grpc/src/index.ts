// Generated code only: the one place where whole modules are re-exported.
export { rateLimitDescriptorSet } from './generated/descriptors.js';
export * from './generated/tidegate/events/v1/events.js';
export * from './generated/tidegate/ratelimit/v1/rate_limit.js';

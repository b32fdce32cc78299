export { bootstrap, type BootstrapOptions, type RunningLimiter } from './bootstrap.js';
export type { RateLimiterConfig, RateLimiterSecrets } from './config.js';
export { watchPolicies, type WatchPoliciesOptions } from './watch-policies.js';

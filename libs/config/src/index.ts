export { forApp, linkTargets, opsAddressOf, reachable, type LinkTargets, type OpsApp } from './addresses.js';
export { analyticsSchema, type AnalyticsConfig } from './analytics-schema.js';
export { ConfigError, formatProblem, type ConfigProblem } from './config-error.js';
export { suggest } from './did-you-mean.js';
export { toJsonSchema } from './json-schema.js';
export { loadConfigOrExit } from './load-config-or-exit.js';
export { checkConfig, loadConfig, type CheckedConfig, type LoadConfigOptions } from './load-config.js';
export { demoRoles, type DemoRole } from './process-schema.js';
export { tidegateSchema, type TidegateConfig } from './tidegate-schema.js';

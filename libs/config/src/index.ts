export { apiKeyPlaceOf, forApp, linkTargets, opsAddressOf, reachable, type LinkTargets, type OpsApp } from './addresses.js';
export type { AnalyticsConfig } from './analytics-schema.js';
export { ConfigError, formatProblem, type ConfigProblem } from './config-error.js';
export { explainListenError, explainListenErrors, ListenError, type ConfiguredListener, type Listening } from './explain-listen-errors.js';
export { toJsonSchema } from './json-schema.js';
export { configFileOf, loadConfigOrExit } from './load-config-or-exit.js';
export { checkConfig, loadConfig, type CheckedConfig, type LoadConfigOptions } from './load-config.js';
export { demoRoles, type DemoRole } from './process-schema.js';
export type { TidegateConfig } from './tidegate-schema.js';

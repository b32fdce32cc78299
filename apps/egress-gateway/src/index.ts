export { bootstrap, type BootstrapOptions, type RunningEgress } from './bootstrap.js';
export type { EgressGatewayConfig, EgressGatewaySecrets } from './config.js';

export { bootstrap, type BootstrapOptions, type RunningDemo } from './bootstrap.js';
export type { DemoConfig, DemoSecrets } from './config.js';
export type { DemoAddresses } from './demo-servers.js';

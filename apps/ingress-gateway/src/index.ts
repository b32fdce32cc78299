export { bootstrap, type BootstrapOptions, type RunningIngress } from './bootstrap.js';

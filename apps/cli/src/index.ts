export { runCli } from './run-cli.js';
export { processTerminal, type Terminal } from './terminal.js';

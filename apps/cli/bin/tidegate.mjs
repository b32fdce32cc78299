#!/usr/bin/env node
// npm links a command only to a file that is there at install time; dist comes with `npm run build`.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/main.js', import.meta.url);
const pinned = fileURLToPath(new URL('../../../node_modules/node/bin/node', import.meta.url));
const isOld = Number(process.versions.node.split('.')[0]) < 24;

if (!existsSync(main)) fail('tidegate is not built yet: run "npm run build" first');
else if (!isOld) await import(main);
else if (existsSync(pinned)) {
  // The Node this repository brings along, in place of the older one this was started with.
  const child = spawn(pinned, [fileURLToPath(main), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code) => process.exit(code ?? 1));
} else fail(`tidegate needs Node 24 or newer, this is ${process.version}: run it with npx, or install a newer Node`);

function fail(text) {
  console.error(text);
  process.exitCode = 69;
}

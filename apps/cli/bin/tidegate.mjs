#!/usr/bin/env node
// npm links a command only to a file that is there at install time; dist comes with `npm run build`.
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(main)) await import(main);
else {
  console.error('tidegate is not built yet: run "npm run build" first');
  process.exitCode = 69;
}

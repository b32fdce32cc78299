// Copies what tsc leaves behind, the Lua scripts, from src to the same places in dist.
import { cpSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = (name) => fileURLToPath(new URL(name, import.meta.url));
cpSync(folder('src'), folder('dist'), { recursive: true, filter: (path) => !/\.[a-z]+$/.test(path) || path.endsWith('.lua') });

// Writes the JSON Schema of tidegate.yaml: `npm run schema -w @tidegate/config` after a build.
import { writeFileSync } from 'node:fs';
import { toJsonSchema } from './dist/index.js';

const file = new URL('../../deploy/config/tidegate.schema.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(toJsonSchema(), undefined, 2)}\n`);

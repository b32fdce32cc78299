import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { toJsonSchema } from './json-schema.js';

const root = resolve(import.meta.dirname, '../../..');
const schemaFile = join(root, 'deploy/config/tidegate.schema.json');

describe('gateway/K1: the JSON Schema for editors', () => {
  const validate = new Ajv2020({ strict: false, allErrors: true }).compile(toJsonSchema());
  const accepts = (value: unknown): boolean => validate(value);

  it('is the one in the repository; else: npm run build && npm run schema -w @tidegate/config', () => {
    expect(JSON.parse(readFileSync(schemaFile, 'utf8'))).toEqual(toJsonSchema());
  });

  it('accepts the shipped file', () => {
    accepts(parse(readFileSync(join(root, 'tidegate.yaml'), 'utf8')));
    expect(validate.errors).toBeNull();
  });

  it('refuses unknown keys and wrong types, and lets a number come from the environment', () => {
    expect(accepts({ version: 1 })).toBe(true);
    expect(accepts({ version: 1, worker: 2 })).toBe(false);
    expect(accepts({ version: 1, workers: 'many' })).toBe(false);
    expect(accepts({ version: 1, workers: '${WORKERS}', include: '../base.yaml' })).toBe(true);
  });
});

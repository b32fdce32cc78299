import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, formatProblem } from './config-error.js';
import { checkConfig, loadConfig } from './load-config.js';

const fixtures = resolve(import.meta.dirname, '../fixtures');
const root = resolve(import.meta.dirname, '../../..');
const env = { SECRET_URL: 'http://user:hunter2@db.internal' };
const folder = mkdtempSync(join(tmpdir(), 'tidegate-config-'));

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const check = (text: string, variables: Record<string, string> = {}) => checkConfig({ file: write('one.yaml', text), env: variables });
const linesOf = (text: string): string[] => check(text).problems.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);

describe('gateway/K1: every mistake of a file, where it stands', () => {
  const files = readdirSync(join(fixtures, 'mistakes'));
  it.each(files)('%s', (name) => {
    const file = join(fixtures, 'mistakes', name);
    const expected = readFileSync(file, 'utf8').split('\n').filter((line) => line.startsWith('# => '));
    const { config, problems } = checkConfig({ file, env });
    expect(problems.map((problem) => formatProblem({ ...problem, file: '' }).replace(':', '# => '))).toEqual(expected);
    expect(config).toBeUndefined();
    expect(problems.map((problem) => basename(problem.file))).toEqual(problems.map(() => name));
  });

  it('loadConfig throws them all, as file:line:column path: message', () => {
    const file = join(fixtures, 'mistakes/unknown-names.yaml');
    const load = () => loadConfig({ file, env });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(`${file}:11:14 routes[0].service: no service "order", did you mean "orders"?\n`);
  });

  it('a file that is not there, is a folder, or is larger than 1 MiB is named with the reason', () => {
    const message = (file: string) => checkConfig({ file, env: {} }).problems[0]?.message;
    expect(message(join(folder, 'nowhere.yaml'))).toBe('cannot read the file: no such file');
    expect(message(folder)).toBe('cannot read the file: it is a directory');
    expect(message(write('big.yaml', `version: 1\n#${'x'.repeat(1_048_576)}`))).toBe('cannot read the file: it is larger than 1 MiB');
  });

  it('nesting ends somewhere', () => {
    expect(linesOf(`version: 1\nx: ${'['.repeat(80)}${']'.repeat(80)}`)).toEqual([expect.stringContaining('nested more than 64 levels deep')]);
  });

  it('aliases of aliases end somewhere, soon', () => {
    const rows = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name, at, all) => `${name}: &${name} [${Array(9).fill(at === 0 ? 'x' : `*${all[at - 1]}`).join(',')}]`);
    const padding = Array.from({ length: 3_000 }, (_, at) => `k${at}: [1, 2, 3]`);
    expect(linesOf([...padding, ...rows].join('\n')).at(-1)).toContain('grows past');
  });

  it('never throws, whatever the file holds', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof({ maxDepth: 4 }, fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.array(tie('any'), { maxLength: 3 }), fc.dictionary(fc.constantFrom('version', 'routes', 'match', 'path', 'services', 'limiter', 'policies', 'x', 'auth', 'providers', 'include'), tie('any'), { maxKeys: 4 })),
    })).any;
    fc.assert(
      fc.property(value, (tree) => {
        const { config, problems } = check(JSON.stringify(tree));
        return (config === undefined) === problems.length > 0;
      }),
      { numRuns: 150 },
    );
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', ':', ' ', '\n', '-', '{', '}', '[', '&a', '*a', '"', '$', '|', '\t', '#') }), (text) => check(text).problems.length > 0), { numRuns: 200 });
  });
});

describe('gateway/K1: substitution', () => {
  it('reads the environment, its defaults and files; plain values are typed again', () => {
    write('password', 'se cret\n');
    const { config } = check('version: 1\nworkers: ${WORKERS:-3}\nsecrets: { directory: "${A}-${B:-x:y}-$${C}" }\nanalytics: { store: { duckdb: "${file:password}" } }', { A: '1', B: '' });
    expect(config).toMatchObject({ workers: 3, secrets: { directory: '1-x:y-${C}' }, analytics: { store: { file: 'se cret' } } });
  });

  it('a value from outside is never printed, nor a part of it', () => {
    const text = 'version: 1\nlimiter: { store: { redis: { url: "${S}" } } }\nroutes: [{ name: "${S}", match: { path: { exact: "${S}" } }, service: "${S}" }]\nworkers: ${S}\ndrain: { delay: "${S}" }';
    const problems = check(text, { S: 'http://user:hunter2@db' }).problems;
    expect(problems.length).toBeGreaterThan(4);
    expect(JSON.stringify(problems)).not.toMatch(/hunter2|user:/);
  });
});

describe('gateway/K1: include', () => {
  const over = join(fixtures, 'layers/over.yaml');

  it('lays a file over what it includes: maps key by key, everything else replaced, a bare key taken away', () => {
    const { config, files } = checkConfig({ file: over, env: {} });
    expect(config).toMatchObject({ workers: 4, services: { orders: { upstreams: ['http://orders:7003'], timeoutMs: 5_000 } } });
    expect(config?.listeners.replay).toBeUndefined();
    expect(files.map((file) => basename(file))).toEqual(['over.yaml', 'base.yaml']);
  });

  it('a mistake is shown in the file that holds it', () => {
    write('base.yaml', 'version: 1\nworkers: many\n');
    const file = write('over.yaml', 'include: base.yaml\nworker: 2\n');
    expect(checkConfig({ file, env: {} }).problems.map((problem) => formatProblem(problem))).toEqual([
      `${file}:2:1 worker: unknown key "worker", did you mean "workers"?`,
      `${join(folder, 'base.yaml')}:2:10 workers: expected a number, got "many"`,
    ]);
  });
});

describe('gateway/K2: the version', () => {
  const versionOf = (text: string, variables: Record<string, string> = {}) => check(text, variables).config?.configVersion;

  it('is 12 hex digits that comments, layout, key order, anchors and includes do not change', () => {
    const plain = versionOf('version: 1\nworkers: 2\ndrain: { delay: 1s, timeout: 1s }');
    expect(plain).toMatch(/^[0-9a-f]{12}$/);
    expect(versionOf('# c\ndrain:\n  timeout: &t 1s\n  delay: *t\nworkers: 2\nversion: 1')).toBe(plain);
    write('part.yaml', 'version: 1\nworkers: 7\ndrain: { delay: 1s, timeout: 1s }');
    expect(versionOf('include: part.yaml\nworkers: 2')).toBe(plain);
    expect(versionOf('version: 1\nworkers: 3\ndrain: { delay: 1s, timeout: 1s }')).not.toBe(plain);
  });

  it('changes with a value from the environment, by its hash', () => {
    const text = 'version: 1\nsecrets: { directory: "${D}" }';
    expect(versionOf(text, { D: 'a' })).toBe(versionOf(text, { D: 'a' }));
    expect(versionOf(text, { D: 'a' })).not.toBe(versionOf(text, { D: 'b' }));
  });
});

describe('the shipped files', () => {
  it.each(['tidegate.yaml', 'deploy/config/compose.yaml'])('%s is right as it stands', (file) => {
    expect(checkConfig({ file: join(root, file), env: {} }).problems).toEqual([]);
  });

  it('the full stack has the routes, policies and ports of the laptop', () => {
    const laptop = loadConfig({ file: join(root, 'tidegate.yaml'), env: {} });
    const stack = loadConfig({ file: join(root, 'deploy/config/compose.yaml'), env: { REDIS_URL: 'redis://elsewhere:6379' } });
    expect(stack.routes).toEqual(laptop.routes);
    expect(stack.limiter.policies).toEqual(laptop.limiter.policies);
    const ports = ({ listeners }: typeof laptop) => Object.entries(listeners).map(([name, listener]) => [name, listener?.address.port]);
    expect(ports(stack)).toEqual(ports(laptop));
    expect(stack.limiter.store).toMatchObject({ kind: 'redis', url: 'redis://elsewhere:6379' });
  });
});

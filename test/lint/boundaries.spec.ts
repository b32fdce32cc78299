import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

type Layer = 'app' | 'nest' | 'adapter' | 'core' | 'contract' | 'testkit';

/** Who may import whom. Apps may use `ops`, the one Nest lib made for them. */
const allowed: Readonly<Record<Layer, readonly Layer[]>> = {
  app: ['adapter', 'core', 'contract', 'nest'],
  nest: ['adapter', 'core', 'contract'],
  adapter: ['adapter', 'core', 'contract'],
  core: ['core', 'contract'],
  contract: ['contract'],
  testkit: ['adapter', 'core', 'contract', 'nest', 'testkit'],
};

interface Project {
  readonly name: string;
  readonly folder: string;
  readonly layer: Layer;
  readonly dependencies: readonly string[];
  readonly imports: readonly Import[];
}

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly isSpec: boolean;
}

const sourceFiles = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('generated'))
    .map((file) => join(folder, file));

const importPattern = /^\s*(?:import|export)\s+(?:type\s+)?(?:[\w*{][^'";=]*?\s+from\s+)?['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/gm;

const specifiersOf = (text: string): string[] => [...text.matchAll(importPattern)].map((match) => match[1] ?? match[2] ?? '');

function readProject(folder: string): Project {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as {
    name: string;
    nx: { tags: string[] };
    dependencies?: Record<string, string>;
    optionalDependencies?: Record<string, string>;
  };
  const tags = manifest.nx.tags.filter((tag) => tag.startsWith('layer:'));
  expect(tags, `${folder} has one layer tag`).toHaveLength(1);
  return {
    name: manifest.name,
    folder,
    layer: (tags[0] ?? '').slice('layer:'.length) as Layer,
    dependencies: [...Object.keys(manifest.dependencies ?? {}), ...Object.keys(manifest.optionalDependencies ?? {})],
    imports: sourceFiles(join(root, folder, 'src')).flatMap((file) =>
      specifiersOf(readFileSync(file, 'utf8')).map((specifier) => ({ file: relative(root, file), specifier, isSpec: file.includes('.spec') })),
    ),
  };
}

const projects = ['libs', 'apps'].flatMap((top) => readdirSync(join(root, top)).map((name) => readProject(`${top}/${name}`)));
const byName = new Map(projects.map((project) => [project.name, project]));
const packageOf = (specifier: string): string => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
const isBuiltin = (specifier: string): boolean => specifier.startsWith('node:') || builtinModules.includes(specifier);
const rootManifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { devDependencies: Record<string, string> };

describe('import boundaries', () => {
  it('finds the imports at all', () => {
    expect(specifiersOf(`import a from 'a';\nimport {\n  b,\n} from 'b';\nexport * from './c.js';\nimport 'd';\nawait import('e');`)).toEqual(['a', 'b', './c.js', 'd', 'e']);
    expect(projects.length).toBeGreaterThan(15);
  });

  it('every project may import what its layer allows, and no app imports another but the CLI', () => {
    const broken = projects.flatMap((project) =>
      project.imports.flatMap(({ file, specifier, isSpec }) => {
        const target = byName.get(packageOf(specifier));
        if (target === undefined || target === project) return [];
        if (isSpec && target.layer === 'testkit') return [];
        if (project.name === '@tidegate/cli' && target.layer === 'app') return [];
        return allowed[project.layer].includes(target.layer) ? [] : [`${file}: ${project.layer} may not import ${target.layer} (${specifier})`];
      }),
    );
    expect(broken).toEqual([]);
  });

  it('every import is declared in the package that makes it, and every declaration is used', () => {
    const undeclared = projects.flatMap((project) =>
      project.imports
        .filter(({ specifier }) => !specifier.startsWith('.') && !isBuiltin(specifier))
        .filter(({ specifier, isSpec }) => {
          const name = packageOf(specifier);
          const isTestOnly = isSpec && (name === '@tidegate/testkit' || byName.has(name) || name in rootManifest.devDependencies);
          return !isTestOnly && !project.dependencies.includes(name);
        })
        .map(({ file, specifier }) => `${file}: ${specifier} is not in its package.json`),
    );
    expect(undeclared).toEqual([]);
    const peersOfNest = new Set(['rxjs', 'reflect-metadata', '@nestjs/core', '@nestjs/common', '@nestjs/platform-fastify', '@grpc/grpc-js', '@bufbuild/protobuf', 'passport']);
    const unused = projects.flatMap((project) =>
      project.dependencies
        .filter((name) => !peersOfNest.has(name) && !project.imports.some(({ specifier }) => packageOf(specifier) === name))
        .map((name) => `${project.folder}/package.json: ${name} is not used`),
    );
    expect(unused.filter((line) => !line.includes('@tidegate/grpc is'))).toEqual([]);
  });

  it('no import leaves its package by a path, goes deep into another, or uses an alias', () => {
    const broken = projects.flatMap((project) =>
      project.imports.flatMap(({ file, specifier }) => {
        if (specifier.startsWith('.')) {
          const target = relative(join(root, project.folder), resolve(root, file, '..', specifier));
          return target.startsWith('..') ? [`${file}: ${specifier} leaves the package`] : [];
        }
        const isDeep = byName.has(packageOf(specifier)) && specifier !== packageOf(specifier);
        return isDeep || specifier.startsWith('@/') || specifier.startsWith('~') ? [`${file}: ${specifier}`] : [];
      }),
    );
    expect(broken).toEqual([]);
  });

  it('no lib but the Nest ones imports Nest, and core libs know no transport', () => {
    const transports = ['ioredis', 'kafkajs', 'fastify', 'undici', '@grpc/grpc-js', '@grpc/proto-loader'];
    const broken = projects.flatMap(({ layer, imports }) =>
      imports
        .filter(({ specifier, isSpec }) => !isSpec && ((layer !== 'app' && layer !== 'nest' && specifier.startsWith('@nestjs/')) || (layer === 'core' && transports.includes(packageOf(specifier)))))
        .map(({ file, specifier }) => `${file}: ${specifier}`),
    );
    expect(broken).toEqual([]);
  });

  it('the Nx graph has no cycle, and an edge for every import', () => {
    const file = join(root, '.nx', `graph-${process.pid}.json`);
    execFileSync(join(root, 'node_modules/.bin/nx'), ['graph', `--file=${file}`], { cwd: root, stdio: 'ignore', env: { ...process.env, NX_DAEMON: 'false' } });
    const { graph } = JSON.parse(readFileSync(file, 'utf8')) as { graph: { dependencies: Record<string, { target: string }[]> } };
    const edges = new Map(Object.entries(graph.dependencies).map(([name, targets]) => [name, targets.map(({ target }) => target).filter((target) => byName.has(target))]));
    const missing = projects.flatMap((project) =>
      project.imports
        .filter(({ specifier, isSpec }) => !isSpec && byName.has(packageOf(specifier)) && packageOf(specifier) !== project.name)
        .filter(({ specifier }) => !(edges.get(project.name) ?? []).includes(packageOf(specifier)))
        .map(({ file, specifier }) => `${file}: ${specifier}`),
    );
    expect(missing).toEqual([]);
    expect(findCycle(edges)).toEqual([]);
  });
});

function findCycle(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): string[] => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return [];
    for (const next of edges.get(name) ?? []) {
      const cycle = visit(next, [...path, name]);
      if (cycle.length > 0) return cycle;
    }
    done.add(name);
    return [];
  };
  for (const name of edges.keys()) {
    const cycle = visit(name, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Ops listeners of apps apart follow the one of the file (9100, 9101, ...): these places are theirs. */
const opsNames = ['ops', 'opsIngress', 'opsLimiter', 'opsEgress', 'opsAnalytics', 'opsDemo'] as const;
/** The same for a second limiter, which has a base of its own. */
const secondOpsNames = ['ops2', 'ops2Ingress', 'opsLimiter2'] as const;
const listenerNames = ['public', 'replay', 'egress', 'limiter', 'limiter2', 'analytics', 'auth', 'products', 'orders', 'orders2', 'users', 'payments', 'site'] as const;
const names: readonly string[] = [...opsNames, ...secondOpsNames, ...listenerNames];

/** A file for the stack under test, over the shipped one. */
export interface StackConfig {
  readonly folder: string;
  readonly file: string;
  /** Port by what listens there. */
  portOf(name: string): number;
  /** Writes another layer over the file; its path. */
  layer(name: string, keys: object): string;
  remove(): void;
}

export interface StackOptions {
  /** Put before the shipped routes. */
  readonly routes?: readonly object[];
  /** Laid over everything else. */
  readonly keys?: object;
}

const shipped = resolve(import.meta.dirname, '../../tidegate.yaml');

/** Writes the shipped file with free ports, state in a folder of its own, and what a spec adds. */
export async function writeStackConfig({ routes = [], keys = {} }: StackOptions = {}): Promise<StackConfig> {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-stack-'));
  const base = await findFreeBlock(names.length);
  const portOf = (name: string): number => {
    const index = names.indexOf(name);
    if (index < 0) throw new Error(`nothing named ${name} listens`);
    return base + index;
  };
  const layer = (name: string, content: object): string => {
    const file = join(folder, name);
    // JSON is YAML.
    writeFileSync(file, JSON.stringify(content, undefined, 2));
    return file;
  };
  const more = routes.map((route) => `  - ${JSON.stringify(route)}\n`).join('');
  writeFileSync(join(folder, 'shipped.yaml'), readFileSync(shipped, 'utf8').replace(/^routes:\n/m, `routes:\n${more}`));
  layer('ports.yaml', { include: 'shipped.yaml', ...ownPlaces(folder, portOf) });
  return { folder, file: layer('tidegate.yaml', { include: 'ports.yaml', ...keys }), portOf, layer, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function ownPlaces(folder: string, portOf: (name: string) => number): object {
  const at = (name: string): string => `127.0.0.1:${portOf(name)}`;
  const upstreams = (...roles: string[]): object => ({ upstreams: roles.map((role) => `http://${at(role)}`) });
  return {
    listeners: Object.fromEntries(['public', 'replay', 'egress', 'limiter', 'analytics', 'ops'].map((name) => [name, { address: at(name) }])),
    secrets: { directory: join(folder, 'secrets') },
    drain: { delay: '300ms', timeout: '8s' },
    auth: { providers: { demo: { jwks: { url: `http://${at('auth')}/.well-known/jwks.json` } } } },
    services: {
      ...Object.fromEntries(['auth', 'products', 'users', 'payments', 'site'].map((role) => [role, upstreams(role)])),
      orders: upstreams('orders', 'orders2'),
    },
    events: { spool: { directory: join(folder, 'spool') } },
    analytics: { store: { duckdb: join(folder, 'analytics.duckdb') } },
    demo: { ...Object.fromEntries(['auth', 'products', 'users', 'payments', 'site'].map((role) => [role, [at(role)]])), orders: [at('orders'), at('orders2')] },
  };
}

/** First of so many free ports in a row, below those the kernel gives to outgoing connections: what was killed finds its port again. */
async function findFreeBlock(length: number): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const base = 12_000 + Math.floor(Math.random() * 600) * 32;
    const free = await Promise.all(Array.from({ length }, (_, index) => isFree(base + index)));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`no ${length} free ports in a row`);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((done) => {
    server.once('error', () => done(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => done(true)));
  });
}

import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePort } from './free-port.js';

/** The shipped configuration on ports nobody else uses. */
export interface LaptopConfig {
  readonly file: string;
  readonly ports: Readonly<Record<LaptopPort, number>>;
}

const names = ['public', 'replay', 'egress', 'limiter', 'analytics', 'ops', 'auth', 'products', 'orders', 'orders2', 'users', 'payments', 'site'] as const;

/** What listens in the shipped configuration. */
export type LaptopPort = (typeof names)[number];

/**
 * Writes a layer over the shipped `tidegate.yaml` into a folder: free ports, state in that folder, no drain delay.
 * @param extra YAML lines added at the end; no key of the layer itself
 */
export async function writeLaptopConfig(folder: string, extra = ''): Promise<LaptopConfig> {
  const ports = {} as Record<LaptopPort, number>;
  for (const name of names) ports[name] = await freePort();
  const at = (name: LaptopPort): string => `"127.0.0.1:${ports[name]}"`;
  const service = (...roles: LaptopPort[]): string => `{ upstreams: [${roles.map((role) => `"http://127.0.0.1:${ports[role]}"`).join(', ')}] }`;
  const listeners = (['public', 'replay', 'egress', 'limiter', 'analytics', 'ops'] as const).map((name) => `  ${name}: { address: ${at(name)} }`);
  const lines = [
    `include: ${resolve(import.meta.dirname, '../../../tidegate.yaml')}`,
    'listeners:',
    ...listeners,
    `secrets: { directory: ${join(folder, 'secrets')} }`,
    'drain: { delay: 0s, timeout: 5s }',
    `auth: { providers: { demo: { jwks: { url: "http://127.0.0.1:${ports.auth}/.well-known/jwks.json" } } } }`,
    `services: { auth: ${service('auth')}, products: ${service('products')}, orders: ${service('orders', 'orders2')}, users: ${service('users')}, payments: ${service('payments')}, site: ${service('site')} }`,
    `events: { spool: { directory: ${join(folder, 'spool')} } }`,
    `analytics: { store: { duckdb: ${join(folder, 'analytics.duckdb')} } }`,
    `demo: { auth: [${at('auth')}], products: [${at('products')}], orders: [${at('orders')}, ${at('orders2')}], users: [${at('users')}], payments: [${at('payments')}], site: [${at('site')}] }`,
    extra,
  ];
  const file = join(folder, 'tidegate.yaml');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return { file, ports };
}

// The configuration the benchmarks run with: JWT, a limit and events on every route.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureSecrets } from '../../libs/auth/dist/index.js';
import { freePort } from '../../libs/testkit/dist/index.js';
import { jwtSecret } from './load.mjs';

/** Paths and what they meet: passes; denied by one limit; denied by the last of ten. */
export const paths = { allowed: '/allowed/1', denied: '/denied/1', deniedByTen: '/denied-by-ten/1', byAddress: '/by-address/1' };

const plenty = (name, key = '{client}') => ({ name, key, rate: 1_000_000, per: '1s', burst: 1_000_000 });
const nothing = { name: 'nothing', key: '{client}', rate: 1, per: '1h', burst: 1 };
const policies = {
  plenty: { subject: '{client}', limits: [plenty('burst')] },
  denied: { subject: '{client}', limits: [nothing] },
  ten: { subject: '{client}', limits: [...Array.from({ length: 9 }, (_, at) => plenty(`limit-${at}`, `{client}:${at}`)), nothing] },
  address: { subject: '{address}', limits: [{ name: 'burst', key: '{address}', rate: 10, per: '1s', burst: 10 }] },
};

/**
 * Writes a configuration on free ports and makes its secrets.
 * @param options `upstream`: port; `redis`: url; `kafka`: brokers; `workers`; `egress`: origin that stands in for the egress
 */
export async function writeConfig({ upstream, redis, kafka, workers, egress, configure = (config) => config }) {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-bench-'));
  const ports = { public: await freePort(), replay: await freePort(), egress: await freePort(), limiter: await freePort(), analytics: await freePort(), ops: 0 };
  const at = (port) => `127.0.0.1:${port}`;
  const route = (name, path, policy) => ({ name, match: { path: { exact: path } }, service: 'upstream', policy, auth: { providers: ['bench'] } });
  const config = configure({
    version: 1,
    ...(workers === undefined ? {} : { workers }),
    listeners: {
      ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, { address: at(port) }])),
      replay: { address: at(ports.replay), clientAddressFrom: 'x-forwarded-for', trustedProxies: ['127.0.0.0/8'] },
    },
    ...(egress === undefined ? {} : { links: { egress: [egress] } }),
    secrets: { directory: join(folder, 'secrets') },
    drain: { delay: '0s', timeout: '1s' },
    auth: { providers: { bench: { type: 'jwt', issuer: 'bench', audience: 'bench', algorithms: ['HS256'], secret: jwtSecret } } },
    services: { upstream: { upstreams: [`http://${at(upstream)}`] } },
    routes: [
      route('allowed', paths.allowed, 'plenty'),
      route('denied', paths.denied, 'denied'),
      route('denied-by-ten', paths.deniedByTen, 'ten'),
      { name: 'by-address', match: { path: { exact: paths.byAddress } }, service: 'upstream', policy: 'address' },
    ],
    limiter: { store: redis === undefined ? 'memory' : { redis: { url: redis } }, policies },
    events: { transport: kafka === undefined ? 'in-process' : { kafka: { brokers: kafka } }, spool: { directory: join(folder, 'spool') } },
    analytics: { store: { duckdb: join(folder, 'analytics.duckdb') } },
  });
  mkdirSync(folder, { recursive: true });
  // JSON is YAML.
  const file = join(folder, 'tidegate.yaml');
  writeFileSync(file, JSON.stringify(config));
  const secrets = ensureSecrets(config.secrets.directory);
  return { file, ports, secrets, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type PeerCertificate } from 'node:tls';
import { buildCheck, createLimiterClient } from '@tidegate/limiter-client';
import { createObservability } from '@tidegate/observability';
import { limiterSchema } from '@tidegate/rate-limit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bootstrap } from './index.js';

const loopback = { host: '127.0.0.1', port: 0 };
const hasOpenssl = (() => {
  try {
    execFileSync('openssl', ['version']);
    return true;
  } catch {
    return false;
  }
})();

let folder = '';
const file = (name: string): string => join(folder, name);
const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });

/** A certificate of the spec's own authority. */
function issue(name: string, subject: string): void {
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${subject}`);
  openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-out', `${name}.pem`, '-days', '2', '-extfile', 'names.txt');
}

beforeAll(() => {
  if (!hasOpenssl) return;
  folder = mkdtempSync(join(tmpdir(), 'tidegate-tls-'));
  writeFileSync(file('names.txt'), 'subjectAltName=IP:127.0.0.1\n');
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=spec authority');
  for (const name of ['server', 'next', 'client']) issue(name, name);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function startLimiter(isMutual: boolean): Promise<number> {
  for (const part of ['pem', 'key']) copyFileSync(file(`server.${part}`), file(`used.${part}`));
  const tls = { certFile: file('used.pem'), keyFile: file('used.key'), ...(isMutual ? { clientCaFile: file('ca.pem') } : {}) };
  const running = await bootstrap({
    config: {
      limiter: limiterSchema.parse({ policies: { users: { subject: '{client}', limits: [{ name: 'burst', key: '{client}', rate: 10, per: '1s' }] } } }),
      configVersion: 'aaaaaaaaaaaa',
      listeners: { limiter: { address: loopback, tls }, ops: { address: loopback } },
    },
    secrets: { adminToken: 'admin' },
    observability: createObservability({ app: 'rate-limiter', instance: 'limiter-1', level: 'silent' }),
    publisher: { publish: () => {} },
    ops: false,
    listen: true,
  });
  cleanups.push(() => running.close());
  return running.address?.port ?? 0;
}

async function isDecided(port: number, own: object): Promise<boolean> {
  const link = createLimiterClient({ targets: [`127.0.0.1:${port}`], clientGroup: 'spec', instance: 'spec-1', tls: { caFile: file('ca.pem'), ...own }, onLimiterFailure: 'deny' });
  cleanups.push(() => link.close());
  await link.ready(1_000);
  return (await link.check(buildCheck('users', { client: 'alice' }))).allowed;
}

function certificateOf(port: number): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] }, () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

describe.skipIf(!hasOpenssl)('limiter/P9: TLS', () => {
  it('decides over TLS, and asks for a certificate where it is told to', async () => {
    expect(await isDecided(await startLimiter(false), {})).toBe(true);
    const mutual = await startLimiter(true);
    expect(await isDecided(mutual, { certFile: file('client.pem'), keyFile: file('client.key') })).toBe(true);
    expect(await isDecided(mutual, {})).toBe(false);
  });

  it('follows its files; a pair that does not fit is refused and the last good one goes on', async () => {
    const port = await startLimiter(false);
    expect((await certificateOf(port)).subject.CN).toBe('server');
    copyFileSync(file('client.key'), file('used.key'));
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect((await certificateOf(port)).subject.CN).toBe('server');
    for (const part of ['pem', 'key']) copyFileSync(file(`next.${part}`), file(`used.${part}`));
    await expect.poll(async () => (await certificateOf(port)).subject.CN, { timeout: 5_000 }).toBe('next');
  });
});

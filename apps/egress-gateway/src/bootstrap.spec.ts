import { createServer } from 'node:net';
import { createObservability } from '@tidegate/observability';
import { freePort } from '@tidegate/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { bootstrap, type BootstrapOptions, type RunningEgress } from './bootstrap.js';

const running: RunningEgress[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.close();
});

function optionsOn(egressPort: number, opsPort: number): BootstrapOptions {
  const at = (port: number) => ({ address: { host: '127.0.0.1', port } });
  return {
    config: {
      configVersion: 'v1',
      drain: { delayMs: 0, timeoutMs: 1_000 },
      egress: { mode: 'direct' },
      listeners: { egress: at(egressPort), ops: at(opsPort) },
      routes: [],
      services: {},
    },
    secrets: { adminToken: 'admin', internalTokenKey: { kid: 'k1', key: Buffer.alloc(32, 7) } },
    observability: createObservability({ app: 'egress-gateway', instance: 'egress-1', level: 'silent' }),
    publisher: { publish: () => undefined },
    ops: true,
    listen: true,
  };
}

describe('bootstrap', () => {
  it('serves health, metrics and, to the admin, the breakers; not ready once it closes', async () => {
    const ops = await freePort();
    const options = optionsOn(0, ops);
    const egress = await bootstrap(options);
    running.push(egress);
    const status = async (path: string, headers = {}) => (await fetch(`http://127.0.0.1:${ops}${path}`, { headers })).status;
    expect(await status('/readyz')).toBe(200);
    expect(await status('/metrics')).toBe(200);
    expect(await status('/breakers')).toBe(401);
    expect(await status('/breakers', { authorization: 'Bearer admin' })).toBe(200);
    await egress.close();
    expect(options.observability.health.isReady).toBe(false);
    await expect(status('/readyz')).rejects.toThrow('fetch failed');
  });

  it('refuses what is no call from ingress', async () => {
    const egress = await bootstrap({ ...optionsOn(0, 0), ops: false });
    running.push(egress);
    const answer = await fetch(`http://127.0.0.1:${egress.address?.port}/a`);
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ type: 'urn:problem-type:tidegate:caller-not-allowed' });
  });

  it('a busy port is an error, and nothing stays open', async () => {
    const busy = createServer();
    await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
    const { port } = busy.address() as { port: number };
    const ops = await freePort();
    await expect(bootstrap(optionsOn(port, ops))).rejects.toThrow(/EADDRINUSE/);
    await expect(fetch(`http://127.0.0.1:${ops}/healthz`)).rejects.toThrow('fetch failed');
    await new Promise((resolve) => busy.close(resolve));
  });
});

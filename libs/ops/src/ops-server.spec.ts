import { createObservability } from '@tidegate/observability';
import { afterEach, describe, expect, it } from 'vitest';
import { startOps, type OpsServer } from './index.js';

describe('ops server', () => {
  let server: OpsServer | undefined;
  afterEach(() => server?.close());

  const start = async () => {
    const observability = createObservability({ app: 'spec', instance: 'spec-1', level: 'silent' });
    server = await startOps({
      address: { host: '127.0.0.1', port: 0 },
      observability,
      adminToken: 'right-token',
      admin: [{ method: 'GET', path: '/things/:name', handle: ({ params }) => Promise.resolve({ status: 200, body: params }) }],
    });
    return { observability, url: `http://127.0.0.1:${server.address.port}` };
  };

  it('answers liveness always and readiness only when every check is ok, with the reason', async () => {
    const { observability, url } = await start();
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    observability.health.set('jwks', false, 'no answer');
    const notReady = await fetch(`${url}/readyz`);
    expect(notReady.status).toBe(503);
    expect(await notReady.json()).toEqual({ ready: false, checks: [{ name: 'jwks', ok: false, reason: 'no answer' }] });
    observability.health.set('jwks', true);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('process_cpu_seconds_total');
  });

  it.each([undefined, 'Bearer wrong', 'Basic cmlnaHQ6dG9rZW4=', 'Bearer right-token2'])(
    'gateway/A11: refuses an admin route with %s',
    async (authorization) => {
      const { url } = await start();
      const answer = await fetch(`${url}/things/x`, authorization === undefined ? {} : { headers: { authorization } });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toContain('Bearer');
      expect(await answer.json()).toMatchObject({ type: 'urn:problem-type:tidegate:unauthenticated', status: 401 });
    },
  );

  it('lets the admin token in', async () => {
    const { url } = await start();
    const answer = await fetch(`${url}/things/x`, { headers: { authorization: 'Bearer right-token' } });
    expect(await answer.json()).toEqual({ name: 'x' });
  });

  it('names the address when the port is taken', async () => {
    const { observability } = await start();
    const again = startOps({ address: server?.address ?? { host: '', port: 0 }, observability, adminToken: 't' });
    await expect(again).rejects.toThrow(`127.0.0.1:${server?.address.port}`);
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createObservability } from '@tidegate/observability';
import { createSampleProducer, fakeClock, sampleRequestEvent } from '@tidegate/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootstrap, type AnalyticsAppConfig, type RunningAnalytics } from './index.js';

const adminToken = 'admin-token-of-the-spec';

describe('analytics in one process (real DuckDB file)', () => {
  let folder: string;
  let running: RunningAnalytics;
  const clock = fakeClock();

  const config = (): AnalyticsAppConfig => ({
    listeners: { analytics: { address: { host: '127.0.0.1', port: 0 } }, ops: { address: { host: '127.0.0.1', port: 0 } } },
    events: { transport: { kind: 'in-process' }, durability: 'memory', spool: { directory: folder, maxBytes: 1e8 } },
    analytics: {
      store: { kind: 'duckdb', file: join(folder, 'a.duckdb') },
      raw: { keepMs: 86_400_000, bytesMax: 2 ** 31 },
      minutes: { keepMs: 30 * 86_400_000 },
      consumerGroup: 'tidegate-analytics',
      queryTimeoutMs: 10_000,
      memoryBytesMax: 256 * 1024 ** 2,
    },
  });
  const start = () =>
    bootstrap({ config: config(), secrets: { adminToken }, observability: createObservability({ app: 'a', instance: 'i', level: 'error' }), clock, ops: false, listen: true });
  const get = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${running.address?.port}${path}`, { headers: { authorization: `Bearer ${adminToken}` } });
    return { status: answer.status, body: (await answer.json()) as never };
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tidegate-analytics-'));
    running = await start();
  });
  afterEach(async () => {
    await running.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('analytics/N4: a batch that comes again, also after a restart, is counted once', async () => {
    const producer = createSampleProducer('P1');
    const events = Array.from({ length: 100 }, (_, at) => sampleRequestEvent(`E${at}`, clock.nowMs()));
    const batch = producer.batch(events);
    await Promise.all([running.accept(batch, 0), running.accept(batch, 0)]);
    await running.close();
    running = await start();
    await running.accept(batch, 0);
    await running.close();
    running = await start();
    console.log(await get('/v1/summary'));
    for (const path of ['/v1/series?group=route', '/v1/top?by=client', '/v1/top?by=limit', '/v1/top?by=route', '/v1/clients/address:192.0.2.7', '/v1/routes/product', '/v1/events?pageSize=1', '/v1/replays/x?sent=4', '/openapi.json', '/v1/nope', '/v1/summary?x=1'])
      console.log(path, JSON.stringify(await get(path)).slice(0, 600));
    expect(((await get('/v1/summary')).body as { totals: { requests: number } }).totals.requests).toBe(100);
  });
});

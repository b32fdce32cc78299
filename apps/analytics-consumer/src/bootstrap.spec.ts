import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureSecrets } from '@tidegate/auth';
import { createSampleProducer, freePort, sampleRequestEvent, startProcess, waitUntil } from '@tidegate/testkit';
import { systemClock } from '@tidegate/units';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adminToken, newId, specConfig, specFolder, specObservability } from './fixture.spec-support.js';
import { bootstrap, StoreError, type RunningAnalytics } from './index.js';

describe('the analytics app', () => {
  let folder: ReturnType<typeof specFolder>;
  let running: RunningAnalytics | undefined;
  beforeEach(() => {
    folder = specFolder();
  });
  afterEach(async () => {
    await running?.close();
    running = undefined;
    folder.remove();
  });

  const start = async (): Promise<RunningAnalytics> => {
    running = await bootstrap({ config: specConfig(folder.path), secrets: { adminToken }, observability: specObservability(), clock: systemClock, ops: false, listen: true });
    return running;
  };
  const count = async (port: number, token = adminToken): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/summary`, { headers: { authorization: `Bearer ${token}` } });
    return ((await answer.json()) as { totals: { requests: number } }).totals.requests;
  };

  it('analytics/6: shows an event in the API soon after it was taken', async () => {
    const analytics = await start();
    const port = analytics.address?.port ?? 0;
    const producer = createSampleProducer('P1');
    for (let round = 1; round <= 3; round += 1) {
      await analytics.accept(producer.batch([sampleRequestEvent(newId(), Date.now())]), 0);
      await waitUntil('the event is counted', async () => ((await count(port)) === round ? true : undefined));
    }
    expect(await count(port)).toBe(3);
  });

  it('takes nothing after it was closed, and what it took before is there', async () => {
    const first = await start();
    const producer = createSampleProducer('P1');
    const taken = first.accept(producer.batch([sampleRequestEvent(newId(), Date.now())]), 0);
    await first.close();
    await taken;
    await expect(first.accept(producer.batch([]), 0)).rejects.toThrow(/closed/);
    const { address } = await start();
    expect(await count(address?.port ?? 0)).toBe(1);
  });

  it('analytics/7: refuses a file that is open in this process, and lets go of it when its port is busy', async () => {
    const { address } = await start();
    await expect(start()).rejects.toThrow(StoreError);
    await running?.close();
    const busy = specConfig(folder.path);
    const other = specFolder();
    running = await bootstrap({ config: specConfig(other.path), secrets: { adminToken }, observability: specObservability(), ops: false, listen: true });
    const config = { ...busy, listeners: { ...busy.listeners, analytics: { address: running.address ?? { host: '', port: 0 } } } };
    const refused = bootstrap({ config, secrets: { adminToken }, observability: specObservability(), ops: false, listen: true });
    await expect(refused).rejects.toThrow(`127.0.0.1:${running.address?.port}`);
    await running.close();
    expect((await start()).address).not.toEqual(address);
    other.remove();
  });

  it('analytics/7: as a process: the second on one file exits 75 and names the first, which ends with 0 on SIGTERM', async () => {
    const { adminToken: token } = ensureSecrets(join(folder.path, 'secrets'));
    const launch = async () => {
      const [api, ops] = [await freePort(), await freePort()];
      const file = join(folder.path, `${api}.yaml`);
      const text = `version: 1\nlisteners: { analytics: { address: "127.0.0.1:${api}" }, ops: { address: "127.0.0.1:${ops}" } }\nsecrets: { directory: ${folder.path}/secrets }\nanalytics: { store: { duckdb: ${folder.path}/held.duckdb } }\n`;
      writeFileSync(file, text);
      return { api, child: startProcess(process.execPath, [join(import.meta.dirname, '../dist/main.js')], { env: { ...process.env, TIDEGATE_CONFIG: file } }) };
    };
    const first = await launch();
    await waitUntil('the first answers', () => count(first.api, token).then(() => true));
    const second = await launch();
    expect(await second.child.exited).toBe(75);
    expect(second.child.output()).toContain(`process ${first.child.pid}`);
    first.child.signal('SIGTERM');
    expect(await first.child.exited).toBe(0);
  });
});

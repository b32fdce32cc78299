import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSampleProducer, fakeClock, sampleRequestEvent } from '@tidegate/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { createBatchConsumer } from './consume-batch.js';
import { createConsumeMetrics } from './consume-metrics.js';
import { newId, specFolder, specObservability } from './fixture.spec-support.js';
import { openStore } from './open-store.js';
import { createReaders } from './query/readers.js';
import { createSink } from './sink.js';

const folder = specFolder();
/** A small file system of its own, which takes the rights to mount one. */
const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder.path]).status === 0;

describe.skipIf(!isMounted)('a full disk under a real DuckDB file', () => {
  afterAll(() => {
    spawnSync('umount', [folder.path]);
    folder.remove();
  });

  it.each(['a commit', 'a checkpoint'])('analytics/7: found in %s, ingest waits without loss, says so, and goes on when there is space', async (where) => {
    const file = join(folder.path, `${where.slice(2)}.duckdb`);
    const ballast = join(folder.path, 'ballast');
    const observability = specObservability();
    const clock = fakeClock();
    const store = await openStore({ file, memoryBytesMax: 128 * 1024 ** 2 });
    const sink = await createSink(store);
    const readers = await createReaders({ store, timeoutMs: 10_000 });
    const consumer = await createBatchConsumer({ sink, clock, metrics: createConsumeMetrics(observability), flushMs: 1 });
    const producer = createSampleProducer('P1');
    const batch = () => producer.batch(Array.from({ length: 2_000 }, () => sampleRequestEvent(newId(), clock.nowMs(), { traceId: randomBytes(16).toString('hex'), requestId: randomBytes(40).toString('hex') })));
    for (let at = 0; at < 5; at += 1) await consumer.accept(batch(), 0);
    fill(ballast);
    if (where === 'a checkpoint') await sink.exclusive((connection) => connection.run('CHECKPOINT')).catch(() => undefined);
    let rejections = 0;
    for (let at = 0; at < 5; at += 1) {
      const repeated = batch();
      while (!(await consumer.accept(repeated, 0).then(() => true, () => false))) {
        rejections += 1;
        expect(observability.health.isReady).toBe(false);
        if (rejections === 3) rmSync(ballast);
        expect(rejections).toBeLessThan(20);
      }
    }
    expect(rejections).toBeGreaterThanOrEqual(where === 'a commit' ? 3 : 1);
    expect(observability.health.isReady).toBe(true);
    expect(await readers.rows('SELECT count(*)::INTEGER AS n, count(DISTINCT id)::INTEGER AS ids FROM requests')).toEqual([{ n: 20_000, ids: 20_000 }]);
    await consumer.close();
    await readers.close();
    await sink.close();
    store.close();
    rmSync(ballast, { force: true });
    rmSync(file);
  });
});

/** Takes what space there is. */
function fill(file: string): void {
  for (let bytes = 2 ** 20; bytes >= 4_096; bytes /= 2) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(bytes, 1), { flag: 'a' });
    } catch {
      // Full for this size; a smaller piece may fit.
    }
  }
}

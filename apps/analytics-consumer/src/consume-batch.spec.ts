import { setTimeout as sleep } from 'node:timers/promises';
import type { Event, EventBatch } from '@tidegate/grpc';
import { createSampleProducer, fakeClock, sampleRequestEvent } from '@tidegate/testkit';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBatchConsumer, type BatchConsumer } from './consume-batch.js';
import { createConsumeMetrics } from './consume-metrics.js';
import { newId, specFolder, specObservability } from './fixture.spec-support.js';
import { openStore, type Store } from './open-store.js';
import { createReaders, type Readers } from './query/readers.js';
import { createSink, type Sink } from './sink.js';

const topic = 'tidegate.events';

describe('consumeBatch on a real DuckDB file', () => {
  const folder = specFolder();
  const clock = fakeClock();
  const observability = specObservability();
  let store: Store;
  let sink: Sink;
  let readers: Readers;
  let consumer: BatchConsumer;
  let files = 0;

  const open = async (wrap: (real: Sink) => Sink = (real) => real): Promise<void> => {
    store = await openStore({ file: `${folder.path}/${files}.duckdb`, memoryBytesMax: 128 * 1024 ** 2 });
    sink = await createSink(store);
    readers = await createReaders({ store, timeoutMs: 10_000 });
    consumer = await createBatchConsumer({ sink: wrap(sink), clock, metrics: createConsumeMetrics(observability), flushMs: 20 });
  };
  const shut = async (): Promise<void> => {
    await consumer.close();
    await readers.close();
    await sink.close();
    store.close();
  };
  beforeEach(async () => {
    files += 1;
    observability.registry.resetMetrics();
    await open();
  });
  afterEach(shut);
  afterAll(() => folder.remove());

  const events = (count: number, parts = {}): Event[] => Array.from({ length: count }, () => sampleRequestEvent(newId(), clock.nowMs(), parts));
  const count = async (): Promise<number> => Number((await readers.rows('SELECT count(*) AS n FROM requests'))[0]?.['n']);
  const metric = async (name: string): Promise<number> =>
    (await observability.registry.getSingleMetric(name)?.get())?.values.reduce((sum, { value }) => sum + value, 0) ?? Number.NaN;

  it('analytics/N4: a batch is there once, however often and in whatever company it comes again', async () => {
    const producer = createSampleProducer('P1');
    const batches = Array.from({ length: 5 }, () => producer.batch(events(10)));
    await Promise.all(batches.map((batch) => consumer.accept(batch, 0)));
    await Promise.all(batches.toReversed().map((batch) => consumer.accept(batch, 0)));
    await Promise.all([consumer.accept(producer.batch(events(1)), 0), ...batches.map((batch) => consumer.accept(batch, 0))]);
    expect(await count()).toBe(51);
  });

  it('analytics/N4: a copy resolves only when its first is durable', async () => {
    const batch = createSampleProducer('P1').batch(events(3));
    void consumer.accept(batch, 0);
    await consumer.accept(batch, 0);
    expect(await count()).toBe(3);
  });

  it('analytics/N4: sequences are told apart by producer and by partition', async () => {
    const [one, two] = [createSampleProducer('P1'), createSampleProducer('P2')];
    await Promise.all([consumer.accept(one.batch(events(1)), 0), consumer.accept(two.batch(events(1)), 0)]);
    await consumer.accept({ producerId: 'P1', sequence: 1, events: events(1) }, 1);
    expect(await count()).toBe(3);
  });

  it('analytics/N4: what the store knows outlives a restart, so a spool replayed late adds nothing', async () => {
    const producer = createSampleProducer('P1');
    const batches = Array.from({ length: 20 }, () => producer.batch(events(2)));
    await Promise.all(batches.map((batch, at) => consumer.accept(batch, 0, { topic, partition: 0, offset: at })));
    await shut();
    await open();
    expect(consumer.lastOffset(topic, 0)).toBe(19);
    // Replay from offset 0, then the same batches under new offsets.
    await Promise.all(batches.map((batch, at) => consumer.accept(batch, 0, { topic, partition: 0, offset: at })));
    await Promise.all(batches.map((batch, at) => consumer.accept(batch, 0, { topic, partition: 0, offset: 100 + at })));
    expect(await count()).toBe(40);
    expect(consumer.lastOffset(topic, 0)).toBe(119);
  });

  it('analytics/N4: a failed transaction leaves nothing, rejects what came after it too, and takes all of it when repeated', async () => {
    await shut();
    let failures = 1;
    let writes = 0;
    await open((real) => ({
      ...real,
      shapeOf: (event, request) => real.shapeOf(event, request),
      load: () => real.load(),
      write: async (flush) => {
        writes += 1;
        await sleep(40);
        if (writes > 1 && failures > 0) {
          failures -= 1;
          throw new Error('disk full');
        }
        return real.write(flush);
      },
    }));
    const producer = createSampleProducer('P1');
    const batches = Array.from({ length: 30 }, () => producer.batch(events(1)));
    // As the publisher does: several calls open at a time; after a rejection everything from there on is repeated in order.
    let next = 0;
    while (next < batches.length) {
      const open: Promise<string>[] = [];
      let isRejected = false;
      for (const batch of batches.slice(next)) {
        if (isRejected) break;
        open.push(consumer.accept(batch, 0).then(() => 'durable', () => ((isRejected = true), 'rejected')));
        await sleep(5);
      }
      const settled = await Promise.all(open);
      const firstRejected = settled.indexOf('rejected');
      if (firstRejected === -1) break;
      // Nothing after it may have slipped through: it would make the repeated ones look old.
      expect(settled.slice(firstRejected)).not.toContain('durable');
      expect(await count()).toBe(next + firstRejected);
      next += firstRejected;
    }
    expect(failures).toBe(0);
    expect(await count()).toBe(30);
  });

  it('analytics/N2: an event of an unknown kind is skipped and counted, the rest of its batch stays', async () => {
    const unknown: Event = { id: newId(), atUs: clock.nowMs() * 1_000, app: 'later', instance: 'i', configVersion: '', kind: undefined };
    const batch: EventBatch = { producerId: 'P1', sequence: 1, events: [...events(1), unknown, ...events(1)] };
    await consumer.accept(batch, 0);
    expect(await count()).toBe(2);
    expect(await metric('tidegate_analytics_unknown_events_total')).toBe(1);
  });

  it.each([
    ['a day late keeps its time', -86_400_000, -86_400_000, 0],
    ['nine minutes ahead keeps its time', 9 * 60_000, 9 * 60_000, 0],
    ['eleven minutes ahead gets ours, counted', 11 * 60_000, 0, 1],
    ['without a time gets ours, counted', -fakeClock().nowMs(), 0, 1],
  ])('analytics/7: an event %s', async (_what, offsetMs, keptMs, clamped) => {
    await consumer.accept({ producerId: 'P1', sequence: 1, events: [sampleRequestEvent(newId(), clock.nowMs() + offsetMs)] }, 0);
    const [row] = await readers.rows('SELECT at_us, minute FROM requests');
    expect(Number(row?.['at_us'])).toBe((clock.nowMs() + keptMs) * 1_000);
    expect(Number(row?.['minute'])).toBe(Math.floor((clock.nowMs() + keptMs) / 60_000));
    expect(await metric('tidegate_analytics_clamped_events_total')).toBe(clamped);
  });

  it('counts batches a producer numbered and that never came', async () => {
    await consumer.accept({ producerId: 'P1', sequence: 1, events: events(1) }, 0);
    await consumer.accept({ producerId: 'P1', sequence: 5, events: events(1) }, 0);
    expect(await metric('tidegate_analytics_missing_batches_total')).toBe(3);
  });

  it('keeps every field of a request event, odd texts and large numbers included', async () => {
    const odd = { principal: `jwt:\u00e4'"; DROP TABLE requests; --`, route: "r'--", requestId: 'replay-1-1', responseBytes: 2 ** 40 + 1, durationUs: 2 ** 33, resourceIds: ['a', 'b'] };
    await consumer.accept({ producerId: 'P1', sequence: 1, events: [sampleRequestEvent(newId(), clock.nowMs(), odd)] }, 0);
    const [row] = await readers.rows('SELECT * FROM requests JOIN shapes USING (shape)');
    expect(row).toMatchObject({
      principal: odd.principal,
      route: odd.route,
      request_id: 'replay-1-1',
      response_bytes: String(2 ** 40 + 1),
      // Over an hour: cut off at the bound of its column.
      duration_us: 2 ** 32 - 1,
      resource_ids: 'a/b',
      client_address: '192.0.2.7',
    });
  });
});

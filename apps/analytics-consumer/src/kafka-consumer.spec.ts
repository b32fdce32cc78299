import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureSecrets } from '@tidegate/auth';
import { createKafkaClient, ensureTopic, type KafkaConfig } from '@tidegate/event-publisher';
import { encodeBatch, topics } from '@tidegate/events';
import type { EventBatch } from '@tidegate/grpc';
import { createSampleProducer, freePort, has, sampleRequestEvent, startKafka, startProcess, waitUntil, type KafkaBroker, type RunningProcess } from '@tidegate/testkit';
import type { Consumer, Producer } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AnalyticsFixture, newId, specConfig, specFolder } from './fixture.spec-support.js';
import { openStore } from './open-store.js';
import { createReaders } from './query/readers.js';

const partitions = 4;

describe.skipIf(!has('kafka'))('analytics from a real Kafka 4 into a real DuckDB file', () => {
  let broker: KafkaBroker;
  let producer: Producer;
  const kafka = (topic: string): KafkaConfig => ({ kind: 'kafka', brokers: broker.brokers, topic, partitions, clientId: 'spec', ssl: false });

  beforeAll(async () => {
    broker = await startKafka();
    producer = createKafkaClient(kafka('any')).producer({ retry: { retries: 5 } });
    await producer.connect();
  }, 90_000);
  afterAll(async () => {
    await producer?.disconnect();
    await broker?.stop();
  });

  const send = (topic: string, partition: number, value: Uint8Array | null): Promise<unknown> => producer.send({ topic, acks: -1, messages: [{ partition, value: value as Buffer | null }] });
  const batchOf = (source: ReturnType<typeof createSampleProducer>, count: number): EventBatch =>
    source.batch(Array.from({ length: count }, () => sampleRequestEvent(newId(), Date.UTC(2026, 0, 1))));

  const startOn = async (analytics: AnalyticsFixture, topic: string): Promise<void> => {
    const config = specConfig(analytics.folder.path);
    await ensureTopic(createKafkaClient(kafka(topic)), { topic, partitions });
    await analytics.start({ ...config, events: { ...config.events, transport: kafka(topic) }, analytics: { ...config.analytics, consumerGroup: `group-of-${topic}` } });
  };
  const counted = async (analytics: AnalyticsFixture): Promise<number> => (await analytics.get<{ totals: { requests: number } }>('/v1/summary')).totals.requests;
  /** The count once it has been reached and had time to grow past it. */
  const countAfter = async (analytics: AnalyticsFixture, count: number): Promise<number> => {
    await waitUntil(`${count} events`, async () => ((await counted(analytics)) >= count ? true : undefined), 60_000);
    await sleep(1_500);
    return counted(analytics);
  };

  it('analytics/N4: sets a poison message aside with its reason, and the partition goes on', async () => {
    const analytics = new AnalyticsFixture();
    await startOn(analytics, 'poison');
    const source = createSampleProducer('P1');
    await send('poison', 0, encodeBatch(batchOf(source, 3)));
    await send('poison', 0, Buffer.from('no batch at all'));
    await send('poison', 0, null);
    await send('poison', 0, encodeBatch({ producerId: '', sequence: 1, events: [] }));
    await send('poison', 0, encodeBatch(batchOf(source, 4)));
    expect(await countAfter(analytics, 7)).toBe(7);
    const dead = await readAll(createKafkaClient(kafka('any')).consumer({ groupId: 'reads-dead' }), topics.dead, 3);
    expect(dead.map(({ value }) => value)).toEqual(['no batch at all', undefined, expect.any(String)]);
    expect(dead.map(({ headers }) => [headers['topic'], headers['offset']])).toEqual([['poison', '1'], ['poison', '2'], ['poison', '3']]);
    for (const { headers } of dead) expect(headers['reason']).toMatch(/batch/);
    await analytics.end();
  }, 60_000);

  it('analytics/N4: records that come twice, a spool replayed late, and a replay from offset 0 give the same rows', async () => {
    const analytics = new AnalyticsFixture();
    await startOn(analytics, 'twice');
    const source = createSampleProducer('P1');
    const batches = Array.from({ length: 10 }, () => encodeBatch(batchOf(source, 2)));
    for (const value of [...batches, ...batches.slice(3), ...batches.toReversed()]) await send('twice', 1, value);
    await send('twice', 2, encodeBatch(batchOf(createSampleProducer('P2'), 1)));
    expect(await countAfter(analytics, 21)).toBe(21);
    await analytics.stop();
    // The group's offsets are set back to 0: they are advisory.
    const admin = createKafkaClient(kafka('any')).admin();
    await admin.connect();
    await admin.setOffsets({ groupId: 'group-of-twice', topic: 'twice', partitions: Array.from({ length: partitions }, (_, partition) => ({ partition, offset: '0' })) });
    await admin.disconnect();
    await send('twice', 2, encodeBatch(batchOf(createSampleProducer('P3'), 1)));
    await startOn(analytics, 'twice');
    expect(await countAfter(analytics, 22)).toBe(22);
    await analytics.end();
  }, 60_000);

  it('analytics/N4: a group offset ahead of the store loses nothing', async () => {
    const analytics = new AnalyticsFixture();
    await ensureTopic(createKafkaClient(kafka('ahead')), { topic: 'ahead', partitions });
    const source = createSampleProducer('P1');
    for (let at = 0; at < 10; at += 1) await send('ahead', 3, encodeBatch(batchOf(source, 1)));
    const admin = createKafkaClient(kafka('any')).admin();
    await admin.connect();
    await admin.setOffsets({ groupId: 'group-of-ahead', topic: 'ahead', partitions: [{ partition: 3, offset: '8' }] });
    await admin.disconnect();
    await startOn(analytics, 'ahead');
    expect(await countAfter(analytics, 10)).toBe(10);
    await analytics.end();
  }, 60_000);

  it('analytics/N4: a topic made anew, with offsets from 0, is read from its start', async () => {
    const analytics = new AnalyticsFixture();
    await startOn(analytics, 'anew');
    for (let at = 0; at < 5; at += 1) await send('anew', 0, encodeBatch(batchOf(createSampleProducer(`P${at}`), 1)));
    expect(await countAfter(analytics, 5)).toBe(5);
    await analytics.stop();
    const admin = createKafkaClient(kafka('any')).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: ['anew'] });
    await admin.disconnect();
    await sleep(500);
    await startOn(analytics, 'anew');
    await send('anew', 0, encodeBatch(batchOf(createSampleProducer('Q'), 2)));
    expect(await countAfter(analytics, 7)).toBe(7);
    await analytics.end();
  }, 60_000);

  it('analytics/N1: kill -9 of Kafka in the middle: reading goes on when it is back, each event once', async () => {
    const analytics = new AnalyticsFixture();
    await startOn(analytics, 'broken');
    const source = createSampleProducer('P1');
    await send('broken', 0, encodeBatch(batchOf(source, 5)));
    expect(await countAfter(analytics, 5)).toBe(5);
    await broker.restart();
    await waitUntil('the broker takes records', async () => {
      await send('broken', 0, encodeBatch(batchOf(createSampleProducer('Q'), 5)));
      return true;
    });
    expect(await countAfter(analytics, 10)).toBe(10);
    await analytics.end();
  }, 120_000);

  it('analytics/N1: kill -9 of the consumer a dozen times at random moments: each event exactly once', async () => {
    const folder = specFolder();
    const [api, ops] = [await freePort(), await freePort()];
    const { adminToken } = ensureSecrets(join(folder.path, 'secrets'));
    const topic = 'killed';
    await ensureTopic(createKafkaClient(kafka(topic)), { topic, partitions });
    const file = join(folder.path, 'tidegate.yaml');
    const start = (round: number): RunningProcess => {
      writeFileSync(file, yaml({ folder: folder.path, api, ops, broker: broker.brokers[0] ?? '', topic, round }));
      return startProcess(process.execPath, [join(import.meta.dirname, '../dist/main.js')], { env: { ...process.env, TIDEGATE_CONFIG: file } });
    };
    const count = async (): Promise<number> => {
      const answer = await fetch(`http://127.0.0.1:${api}/v1/summary`, { headers: { authorization: `Bearer ${adminToken}` } });
      return ((await answer.json()) as { totals: { requests: number } }).totals.requests;
    };
    let isDone = false;
    const publishing = publishUntil(() => isDone, (partition, value) => send(topic, partition, value));
    for (let round = 0; round < 12; round += 1) {
      const child = start(round);
      const before = round % 4 === 3 ? -1 : await waitUntil('it listens', () => count().catch(() => undefined), 30_000).catch(() => Promise.reject(new Error(child.output())));
      if (before >= 0) await waitUntil('it counts on', async () => ((await count()) > before ? true : undefined), 30_000);
      await sleep(Math.random() * (before < 0 ? 1_500 : 500));
      child.signal('SIGKILL');
      await child.exited;
    }
    isDone = true;
    const sent = await publishing;
    const last = start(99);
    await waitUntil(`${sent} events`, async () => ((await count()) >= sent ? true : undefined), 60_000).catch(async (error: unknown) => {
      throw new Error(`${await count()} of ${sent}: ${last.output()}`, { cause: error });
    });
    await sleep(1_500);
    expect(await count()).toBe(sent);
    expect(await last.stop().then(() => last.exited)).toBe(0);
    const store = await openStore({ file: join(folder.path, 'analytics.duckdb'), memoryBytesMax: 128 * 1024 ** 2 });
    const readers = await createReaders({ store, timeoutMs: 10_000 });
    expect(await readers.rows('SELECT count(*)::INTEGER AS n, count(DISTINCT id)::INTEGER AS ids FROM requests')).toEqual([{ n: sent, ids: sent }]);
    await readers.close();
    store.close();
    folder.remove();
  }, 240_000);
});

/** Sends batches of three producers to all partitions, a tenth of them once more later; returns how many events there were. */
async function publishUntil(isDone: () => boolean, send: (partition: number, value: Uint8Array) => Promise<unknown>): Promise<number> {
  const lanes = Array.from({ length: 3 * partitions }, (_, at) => ({ source: createSampleProducer(`P${at % 3}`), partition: Math.floor(at / 3), sent: [] as Uint8Array[] }));
  let events = 0;
  while (!isDone()) {
    for (const { source, partition, sent } of lanes) {
      const size = 1 + Math.floor(Math.random() * 20);
      const value = encodeBatch(source.batch(Array.from({ length: size }, () => sampleRequestEvent(newId(), Date.now()))));
      events += size;
      sent.push(value);
      await send(partition, value);
      if (Math.random() < 0.1) await send(partition, sent[Math.floor(Math.random() * sent.length)] ?? value);
    }
    await sleep(10);
  }
  return events;
}

/** Round by round another group, but for some: a new group has no offsets, and need not wait for the killed member to time out. */
const yaml = ({ folder, api, ops, broker, topic, round }: { folder: string; api: number; ops: number; broker: string; topic: string; round: number }): string => `version: 1
listeners:
  analytics: { address: "127.0.0.1:${api}" }
  ops: { address: "127.0.0.1:${ops}" }
secrets: { directory: ${folder}/secrets }
events: { transport: { kafka: { brokers: ["${broker}"], topic: ${topic}, partitions: ${partitions} } }, spool: { directory: ${folder}/spool } }
analytics: { store: { duckdb: ${folder}/analytics.duckdb }, consumerGroup: group-${round % 6 === 5 ? 4 : round} }
`;

interface ReadRecord {
  readonly value: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

async function readAll(consumer: Consumer, topic: string, count: number): Promise<ReadRecord[]> {
  const records: ReadRecord[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: ({ message }) => {
      const headers = Object.fromEntries(Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]));
      records.push({ value: message.value?.toString(), headers });
      return Promise.resolve();
    },
  });
  await waitUntil(`${count} records`, () => records.length >= count || undefined, 30_000);
  await consumer.disconnect();
  return records;
}

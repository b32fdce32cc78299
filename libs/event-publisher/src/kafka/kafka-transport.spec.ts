import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeBatch, partitionOf } from '@tidegate/events';
import type { Event } from '@tidegate/grpc';
import { freePort, has, startKafka, waitUntil, type KafkaBroker } from '@tidegate/testkit';
import { systemClock } from '@tidegate/units';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEventPublisher, createKafkaTransport, type EventPublisher, type KafkaConfig } from '../index.js';

const partitions = 4;

/** A TCP proxy in front of a broker that can swallow what the broker answers. */
interface SwallowingProxy {
  readonly server: Server;
  /** Produce requests to pass on while their answers, and all after them on their connections, are kept back. */
  swallow: number;
  /** Produce requests seen. */
  produced: number;
}

const produceApiKey = 0;

async function startProxy(port: number, target: number): Promise<SwallowingProxy> {
  const proxy = { swallow: 0, produced: 0 };
  const server = createServer((client) => {
    const upstream = createConnection(target, '127.0.0.1');
    let isSwallowing = false;
    const drop = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on('error', drop).on('close', drop);
    client.on('data', (chunk: Buffer) => {
      // kafkajs writes one request with one call; its header is never split on loopback.
      if (chunk.length > 6 && chunk.readInt16BE(4) === produceApiKey) {
        proxy.produced += 1;
        if (proxy.swallow > 0) {
          proxy.swallow -= 1;
          isSwallowing = true;
        }
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (isSwallowing) setTimeout(drop, 50);
      else client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return Object.assign(proxy, { server });
}

interface Arrived {
  readonly ids: string[];
  readonly byPartition: Map<number, string[]>;
  /** Batches at or below the last sequence of their producer and partition. */
  readonly skipped: number;
}

/** All events of a topic after the skip rule of analytics/N4. */
async function consume(broker: KafkaBroker, topic: string): Promise<Arrived> {
  const kafka = new Kafka({ brokers: [...broker.brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  let missing = ends.reduce((sum, { high }) => sum + Number(high), 0);
  const arrived = { ids: [] as string[], byPartition: new Map<number, string[]>(), skipped: 0 };
  const last = new Map<string, number>();
  const consumer = kafka.consumer({ groupId: `spec-${Math.random()}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    if (missing === 0) resolve();
    consumer
      .run({
        eachMessage: ({ partition, message }) => {
          const batch = decodeBatch(message.value ?? Buffer.alloc(0));
          const key = `${batch.producerId}/${partition}`;
          if (batch.sequence <= (last.get(key) ?? 0)) arrived.skipped += 1;
          else {
            last.set(key, batch.sequence);
            const ids = batch.events.map(({ id }) => id);
            arrived.ids.push(...ids);
            arrived.byPartition.set(partition, [...(arrived.byPartition.get(partition) ?? []), ...ids]);
          }
          missing -= 1;
          if (missing === 0) resolve();
          return Promise.resolve();
        },
      })
      .catch(reject);
  });
  await Promise.race([consumer.disconnect(), new Promise((resolve) => setTimeout(resolve, 2_000))]);
  return arrived;
}

const numbered = (at: number): Event => ({
  id: String(at),
  atUs: at + 1,
  app: 'spec',
  instance: 'spec-1',
  configVersion: 'c0ffee',
  kind: { $case: 'lifecycle', value: { what: 'ready', detail: 'x'.repeat(at % 300) } },
});
const principalOf = (at: number): string => `jwt:user-${at % 17}`;

async function allSent(publisher: EventPublisher): Promise<void> {
  await waitUntil('all sent', () => (publisher.stats().waiting === 0 ? true : undefined), 60_000);
}

/** What each partition must hold, in order. */
function expected(count: number): Map<number, string[]> {
  const map = new Map<number, string[]>();
  for (let at = 0; at < count; at += 1) {
    const partition = partitionOf(principalOf(at), partitions);
    map.set(partition, [...(map.get(partition) ?? []), String(at)]);
  }
  return map;
}

const isOn = has('kafka');

describe.skipIf(!isOn)('createKafkaTransport on a real broker', { timeout: 60_000 }, () => {
  let broker: KafkaBroker;
  let proxy: SwallowingProxy;
  let proxyPort = 0;
  let directory = '';
  let topicNumber = 0;
  const said: string[] = [];
  const say = (fields: object, message: string): void => void said.push(`${message} ${String((fields as { err?: Error }).err ?? '')}`);
  const logger = { info: say, warn: say, error: say };

  beforeAll(async () => {
    proxyPort = await freePort();
    const port = await freePort();
    proxy = await startProxy(proxyPort, port);
    broker = await startKafka({ port, advertisedPort: proxyPort });
  });
  afterAll(async () => {
    proxy.server.close();
    await broker.stop();
  });
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'tidegate-kafka-spec-'));
    topicNumber += 1;
    said.length = 0;
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const topic = (): string => `spec-${topicNumber}`;
  function start(overrides: Partial<KafkaConfig> = {}, durability: 'memory' | 'disk' = 'memory'): EventPublisher {
    const config: KafkaConfig = { kind: 'kafka', brokers: [`127.0.0.1:${proxyPort}`], topic: topic(), partitions, clientId: 'spec', ssl: false, ...overrides };
    return createEventPublisher({
      config: { durability, spool: { directory, maxBytes: 64 * 1024 ** 2 } },
      transport: createKafkaTransport(config, { connectMs: 500, requestMs: 1_000 }),
      instance: 'spec-1',
      clock: systemClock,
      logger,
    });
  }

  async function publishSlowly(publisher: EventPublisher, from: number, to: number): Promise<void> {
    for (let at = from; at < to; at += 1) {
      void publisher.publish(numbered(at), principalOf(at));
      if (at % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  it('analytics/N3: makes the topic and sends every event once, a client\'s events in order', async () => {
    const publisher = start();
    await publishSlowly(publisher, 0, 5_000);
    await publisher.close();
    expect(publisher.stats()).toMatchObject({ published: 5_000, sent: 5_000, dropped: 0, waiting: 0, spoolBytes: 0 });
    const arrived = await consume(broker, topic());
    expect(arrived.byPartition).toEqual(expected(5_000));
  });

  it('analytics/N3: after a swallowed answer the same batch comes again first, and the skip rule counts it once', async () => {
    const publisher = start();
    await publishSlowly(publisher, 0, 1_000);
    await publisher.flush();
    proxy.swallow = 2;
    await publishSlowly(publisher, 1_000, 4_000);
    await allSent(publisher);
    await publisher.close();
    const arrived = await consume(broker, topic());
    expect(arrived.byPartition).toEqual(expected(4_000));
    expect(arrived.skipped).toBeGreaterThan(0);
    expect(publisher.stats()).toMatchObject({ published: 4_000, sent: 4_000, waiting: 0 });
    expect(publisher.stats().spooled).toBeGreaterThan(0);
  });

  it('analytics/N1: kill -9 of the broker under load loses nothing and counts nothing twice', async () => {
    const publisher = start();
    await publishSlowly(publisher, 0, 2_000);
    const sending = publishSlowly(publisher, 2_000, 6_000);
    await broker.kill();
    await sending;
    const restarted = broker.restart();
    await publishSlowly(publisher, 6_000, 8_000);
    await restarted;
    await allSent(publisher);
    await publisher.close();
    const arrived = await consume(broker, topic());
    expect(arrived.byPartition).toEqual(expected(8_000));
    expect(said.filter((line) => line.includes('does not take events'))).toHaveLength(1);
    expect(said.filter((line) => line.includes('takes events again'))).toHaveLength(1);
  }, 120_000);

  it('starts without a broker, says so once, closes at once with everything in the spool, and the next start sends it', async () => {
    const nowhere = [`127.0.0.1:${await freePort()}`];
    const first = start({ brokers: nowhere });
    await publishSlowly(first, 0, 3_000);
    await first.flush();
    await first.close();
    expect(first.stats()).toMatchObject({ sent: 0, waiting: 3_000, dropped: 0 });
    expect(said).toEqual([expect.stringContaining('does not take events'), expect.stringContaining('left in the spool')]);
    const second = start();
    await publishSlowly(second, 3_000, 4_000);
    await second.flush();
    expect(second.stats()).toMatchObject({ recovered: 3_000, sent: 4_000, waiting: 0, spoolBytes: 0 });
    await second.close();
    expect((await consume(broker, topic())).byPartition).toEqual(expected(4_000));
  });

  it('grows a topic that has too few partitions', async () => {
    const narrow = start({ partitions: 1 });
    void narrow.publish(numbered(0), 'jwt:alice');
    await narrow.close();
    const wide = start();
    await publishSlowly(wide, 0, 100);
    await wide.close();
    expect(wide.stats()).toMatchObject({ sent: 100, waiting: 0 });
  });

  it('with durability disk a promise resolves although the broker never answers', async () => {
    const publisher = start({ brokers: [`127.0.0.1:${await freePort()}`] }, 'disk');
    await Promise.all(Array.from({ length: 500 }, async (_, at) => publisher.publish(numbered(at), principalOf(at))));
    expect(publisher.stats()).toMatchObject({ published: 500, spooled: 500, undurable: 0, sent: 0 });
    await publisher.close();
  });
});

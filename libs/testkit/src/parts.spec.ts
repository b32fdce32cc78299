import { Redis } from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { has, startKafka, startRedis, type KafkaBroker, type RedisServer } from './index.js';

describe.skipIf(!has('redis'))('startRedis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it('gives a real server that comes back empty on the same port after kill -9', async () => {
    const client = new Redis(server.url, { retryStrategy: () => 20 });
    client.on('error', () => undefined);
    await client.set('a', '1');
    await server.restart();
    expect(await client.get('a')).toBeNull();
    client.disconnect();
  });
});

describe.skipIf(!has('kafka'))('startKafka', () => {
  let broker: KafkaBroker;
  beforeAll(async () => {
    broker = await startKafka();
  });
  afterAll(() => broker.stop());

  it('gives a real broker whose log survives kill -9', async () => {
    const kafka = new Kafka({ brokers: [...broker.brokers], logLevel: logLevel.NOTHING });
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic: 't', messages: [{ value: 'kept' }] });
    await producer.disconnect();
    await broker.restart();
    const consumer = kafka.consumer({ groupId: 'g' });
    await consumer.connect();
    await consumer.subscribe({ topic: 't', fromBeginning: true });
    const value = await new Promise<string>((resolve) => {
      void consumer.run({ eachMessage: ({ message }) => Promise.resolve(resolve(String(message.value))) });
    });
    expect(value).toBe('kept');
    await consumer.disconnect();
  });
});

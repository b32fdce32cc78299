import { describe, expect, it } from 'vitest';
import { eventsSchema } from './events-schema.js';

const spool = { directory: '.tidegate/spool', maxBytes: 256 * 1024 ** 2 };

describe('eventsSchema', () => {
  it('has a default for everything', () => {
    expect(eventsSchema.parse({})).toEqual({ transport: { kind: 'in-process' }, durability: 'memory', spool });
  });

  it('gateway/14: reads the shipped file', () => {
    const parsed = eventsSchema.parse({ transport: 'in-process', durability: 'memory', spool: { directory: '.tidegate/spool', maxBytes: '256MiB' } });
    expect(parsed).toEqual({ transport: { kind: 'in-process' }, durability: 'memory', spool });
  });

  it('reads Kafka with its defaults, and with everything set', () => {
    expect(eventsSchema.parse({ transport: { kafka: { brokers: ['kafka:9092'] } } }).transport).toEqual({
      kind: 'kafka',
      brokers: ['kafka:9092'],
      topic: 'tidegate.events',
      partitions: 6,
      clientId: 'tidegate',
      ssl: false,
    });
    const sasl = { mechanism: 'scram-sha-512', username: 'u', password: 'p' };
    const all = { brokers: ['[::1]:9092', 'b:9092'], topic: 't', partitions: 12, clientId: 'c', ssl: { caFile: 'ca.pem' }, sasl };
    expect(eventsSchema.parse({ transport: { kafka: all } }).transport).toEqual({ kind: 'kafka', ...all });
  });

  it.each([
    ['an unknown key', { durabilty: 'disk' }, 'Unrecognized key: "durabilty"'],
    ['another transport', { transport: 'nats' }, 'expected in-process, or kafka: { brokers: [...] }'],
    ['a broker without a port', { transport: { kafka: { brokers: ['kafka'] } } }, 'expected host:port, such as kafka:9092'],
    ['no broker', { transport: { kafka: { brokers: [] } } }, 'Too small'],
    ['an unknown key of kafka', { transport: { kafka: { brokers: ['k:1'], acks: 1 } } }, 'Unrecognized key: "acks"'],
    ['a topic with a space', { transport: { kafka: { brokers: ['k:1'], topic: 'a b' } } }, 'expected a Kafka topic name'],
    ['a spool too small to hold a batch', { spool: { maxBytes: '1MiB' } }, 'expected a size'],
    ['another durability', { durability: 'ram' }, 'Invalid option'],
  ])('refuses %s', (_, value, message) => {
    expect(JSON.stringify(eventsSchema.safeParse(value).error?.issues)).toContain(JSON.stringify(message).slice(1, -1));
  });
});

import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from './crc32c.js';
import { encodeProduceBody } from './produce-request.js';

const require = createRequire(import.meta.url);
type KafkajsRequest = (call: object) => { encode(): Promise<{ buffer: Buffer }> };
const kafkajsRequest = require('kafkajs/src/protocol/requests/produce/v7/request') as KafkajsRequest;
const kafkajsChecksum = require('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number;

describe('crc32c', () => {
  it('gives the check value of the standard', () => {
    expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283);
  });

  it('agrees with a byte-wise implementation on any bytes from any place', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(10), (bytes, start) => {
        const from = Math.min(start, bytes.length);
        expect(crc32c(bytes, from, bytes.length)).toBe(kafkajsChecksum(Buffer.from(bytes.subarray(from))));
      }),
    );
  });
});

describe('encodeProduceBody', () => {
  const value = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 0, max: 70_000 }).map((length) => new Uint8Array(length).fill(7)));
  const partitions = fc.uniqueArray(fc.record({ partition: fc.nat(500), values: fc.array(value, { minLength: 1, maxLength: 70 }) }), {
    maxLength: 4,
    selector: ({ partition }) => partition,
  });

  it('writes byte for byte what kafkajs itself would write', async () => {
    await fc.assert(
      fc.asyncProperty(partitions, fc.constantFrom('t', 'tidegate.events', 'ü'), async (made, topic) => {
        const nowMs = Date.now();
        const ours = encodeProduceBody({ acks: -1, timeoutMs: 10_000, nowMs, topics: [{ topic, partitions: made }] });
        const topicData = [
          {
            topic,
            partitions: made.map((entry) => ({
              partition: entry.partition,
              firstSequence: 0,
              messages: entry.values.map((bytes) => ({ value: Buffer.from(bytes), timestamp: nowMs })),
            })),
          },
        ];
        const theirs = await kafkajsRequest({ acks: -1, timeout: 10_000, producerId: -1, producerEpoch: 0, topicData }).encode();
        expect(ours.equals(theirs.buffer)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

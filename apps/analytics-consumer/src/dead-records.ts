import { ensureTopic } from '@tidegate/event-publisher';
import type { Kafka, Producer } from 'kafkajs';
import type { RecordPosition } from './consume-batch.js';

/** The topic for records nobody could read. */
export interface DeadRecords {
  /** Publishes the record with its reason and where it was; resolves when the broker has it. */
  setAside(record: RecordPosition, what: { readonly value: Buffer | null; readonly reason: string }): Promise<void>;
  close(): Promise<void>;
}

/** Connects at the first record only. */
export function createDeadRecords(kafka: Kafka, topic: string): DeadRecords {
  let connecting: Promise<Producer> | undefined;
  const connect = async (): Promise<Producer> => {
    await ensureTopic(kafka, { topic, partitions: 1 });
    const producer = kafka.producer({ allowAutoTopicCreation: false, retry: { retries: 3, initialRetryTime: 100 } });
    await producer.connect();
    return producer;
  };
  return {
    setAside: async (record, { value, reason }) => {
      connecting ??= connect();
      const producer = await connecting;
      const headers = { reason: reason.slice(0, 1_000), topic: record.topic, partition: String(record.partition), offset: String(record.offset) };
      await producer.send({ topic, acks: -1, messages: [{ value, headers }] });
    },
    close: async () => {
      const producer = await connecting?.catch(() => undefined);
      await producer?.disconnect().catch(() => undefined);
    },
  };
}

import type { Admin, Kafka } from 'kafkajs';

export interface TopicNeed {
  readonly topic: string;
  readonly partitions: number;
}

const replicasMax = 3;

/**
 * Makes a topic if it is not there (replicated over up to three brokers) and gives one that is there the partitions it
 * lacks. Partitions are never taken away.
 */
export async function ensureTopic(kafka: Kafka, { topic, partitions }: TopicNeed): Promise<void> {
  const admin = kafka.admin({ retry: { retries: 0 } });
  try {
    await admin.connect();
    const existing = await partitionsOf(admin, topic);
    if (existing === 0) await createTopic(admin, { topic, partitions });
    else if (existing < partitions) await admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] });
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

async function createTopic(admin: Admin, { topic, partitions }: TopicNeed): Promise<void> {
  const { brokers } = await admin.describeCluster();
  const replicationFactor = Math.min(replicasMax, Math.max(1, brokers.length));
  // False when another process made it first. Waiting for leaders is the first send's business.
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: partitions, replicationFactor }] });
}

async function partitionsOf(admin: Admin, topic: string): Promise<number> {
  const existing = await admin.listTopics();
  if (!existing.includes(topic)) return 0;
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  return topics[0]?.partitions.length ?? 0;
}

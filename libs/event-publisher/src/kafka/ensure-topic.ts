import type { Admin, Kafka } from 'kafkajs';

export interface TopicNeed {
  readonly topic: string;
  readonly partitions: number;
}

const replicasMax = 3;
const leadersMs = 10_000;
const pollMs = 50;

/**
 * Makes a topic if it is not there (replicated over up to three brokers), gives one that is there the partitions it
 * lacks, and waits until each has a leader. Partitions are never taken away.
 */
export async function ensureTopic(kafka: Kafka, need: TopicNeed): Promise<void> {
  const admin = kafka.admin({ retry: { retries: 0 } });
  try {
    await admin.connect();
    const existing = await partitionsOf(admin, need.topic);
    if (existing >= need.partitions) return;
    await (existing === 0 ? create(admin, need) : grow(admin, need));
    await waitForLeaders(admin, need);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

async function create(admin: Admin, { topic, partitions }: TopicNeed): Promise<void> {
  const { brokers } = await admin.describeCluster();
  const replicationFactor = Math.min(replicasMax, Math.max(1, brokers.length));
  // False when another process made it first.
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: partitions, replicationFactor }] });
}

async function grow(admin: Admin, { topic, partitions }: TopicNeed): Promise<void> {
  await admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] });
}

async function waitForLeaders(admin: Admin, { topic, partitions }: TopicNeed): Promise<void> {
  for (let waitedMs = 0; waitedMs < leadersMs; waitedMs += pollMs) {
    if ((await partitionsOf(admin, topic)) >= partitions) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`topic ${topic}: no leader for each of its ${partitions} partitions after ${leadersMs} ms`);
}

/** Partitions that have a leader. */
async function partitionsOf(admin: Admin, topic: string): Promise<number> {
  const existing = await admin.listTopics();
  if (!existing.includes(topic)) return 0;
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions.filter(({ leader }) => leader >= 0).length ?? 0;
  } catch {
    // While a leader is being elected the whole answer is an error.
    return 0;
  }
}

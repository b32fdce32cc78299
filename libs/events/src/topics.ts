/** Kafka topics. A record's value is one EventBatch, its partition is chosen by `partitionOf`. */
export const topics = {
  /** Every event of every app. */
  events: 'tidegate.events',
  /** Records a consumer could not read, each with its reason. */
  dead: 'tidegate.events.dead',
} as const;

/** Largest encoded EventBatch, in bytes (analytics/N3). */
export const batchBytesMax = 512 * 1024;

/** Largest encoded Event, in bytes: what fits into a batch of its own. A larger one is refused by the producer and counted. */
export const eventBytesMax = batchBytesMax - 128;

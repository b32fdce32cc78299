export { BatchEncoder, decodeBatch, encodeBatch, EventDecodeError } from './codec/batch-codec.js';
export { createUlid, ulidPattern, type UlidClock } from './create-ulid.js';
export { partitionOf } from './partition-of.js';
export { batchBytesMax, eventBytesMax, topics } from './topics.js';

export { BatchEncoder, decodeBatch, encodeBatch, EventDecodeError } from './codec/batch-codec.js';
export { createEventMaker, type EventMaker, type EventMakerOptions } from './create-event-maker.js';
export { createUlid, type UlidClock } from './create-ulid.js';
export { partitionOf } from './partition-of.js';
export { batchBytesMax, topics } from './topics.js';

export { startProcess, waitUntil, type ProcessOptions, type RunningProcess } from './child-process.js';
export { fakeClock, type FakeClock } from './fake-clock.js';
export { findKafka, findRedisServer, has, partsDirectory, type Part } from './find-part.js';
export { freePort } from './free-port.js';
export { RecordingSink } from './recording-sink.js';
export { startKafka, type KafkaBroker, type KafkaOptions } from './start-kafka.js';
export { startRawUpstream, type RawConnection, type RawUpstream } from './start-raw-upstream.js';
export { startRedis, type RedisServer } from './start-redis.js';
export { startUpstream, type Upstream } from './start-upstream.js';

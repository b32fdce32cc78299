import { createRequire } from 'node:module';
import { encodeProduceBody, type TopicValues } from './produce-request.js';

/** The part of kafkajs' request queue that the replacement touches. */
interface RequestQueue {
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  readonly pending: readonly unknown[];
  checkPendingRequests(): void;
}

interface Encoder {
  buf: Buffer;
  offset: number;
}

/** What kafkajs hands to the protocol of a produce request. */
interface ProduceArguments {
  readonly acks: number;
  readonly timeout: number;
  readonly compression?: number;
  readonly transactionalId?: string | null;
  readonly producerId?: unknown;
  readonly topicData: readonly { readonly topic: string; readonly partitions: readonly { readonly partition: number; readonly messages: readonly Message[] }[] }[];
}

interface Message {
  readonly key?: unknown;
  readonly value: unknown;
  readonly headers?: unknown;
  readonly timestamp?: unknown;
}

interface ProduceCall {
  readonly request: { encode(): Promise<unknown> };
  readonly response: unknown;
}

type ProduceVersion = (call: ProduceArguments) => ProduceCall;

interface ProduceDefinition {
  protocol: (options: { version: number }) => ProduceVersion;
}

const pendingCheckMs = 10;
const zeroedBytesMax = 4096;
const noProducer = -1;
const patched = Symbol.for('tidegate.kafkajs.patched');

/**
 * Mends kafkajs 2.2.4, for the whole process; call it before the first client, further calls do nothing. Throws when the
 * installed version does not have what it replaces.
 *
 * 1. `RequestQueue.scheduleCheckPendingRequests` arms a timer whenever it has none, also when nothing waits, with a delay
 *    that is negative on an idle connection: each run arms the next, hundreds of times a second. The replacement arms one
 *    only while requests wait.
 * 2. `Encoder.ensureAvailable` grows by zeroed powers of two; a produce request passes through eight of them, and the
 *    collector runs for it. The replacement takes what is needed, and plain produce requests are written in one go.
 */
export function patchKafkajs(): void {
  const require = createRequire(import.meta.url);
  const { prototype: queue } = require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue & { [patched]?: true } };
  if (queue[patched] === true) return;
  const { prototype: encoder } = require('kafkajs/src/protocol/encoder') as { prototype: Encoder };
  const produce = require('kafkajs/src/protocol/requests/produce') as ProduceDefinition;
  const isKnown = 'scheduleCheckPendingRequests' in queue && 'ensureAvailable' in encoder && typeof produce.protocol === 'function';
  if (!isKnown) throw new TypeError('this kafkajs is none the patch knows: it is for 2.2.4');
  Object.assign(queue, { [patched]: true, scheduleCheckPendingRequests });
  Object.assign(encoder, { ensureAvailable });
  const original = produce.protocol;
  produce.protocol = ({ version }) => withPlainEncoding(original({ version }), version);
}

function scheduleCheckPendingRequests(this: RequestQueue): void {
  if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
  const throttledMs = this.throttledUntil - Date.now();
  this.throttleCheckTimeoutId = setTimeout(() => {
    this.throttleCheckTimeoutId = null;
    this.checkPendingRequests();
  }, throttledMs > 0 ? throttledMs : pendingCheckMs);
}

function ensureAvailable(this: Encoder, length: number): void {
  const needed = this.offset + length;
  if (needed <= this.buf.length) return;
  // Something large comes whole: the little that may follow it fits into the margin.
  const grown = length > zeroedBytesMax ? needed + 64 : Math.max(needed, this.buf.length * 2);
  const buffer = Buffer.allocUnsafeSlow(grown);
  this.buf.copy(buffer, 0, 0, this.offset);
  this.buf = buffer;
}

function withPlainEncoding(original: ProduceVersion, version: number): ProduceVersion {
  if (version < 3 || version > 7) return original;
  return (call) => {
    const made = original(call);
    const topics = toPlainTopics(call);
    if (topics === undefined) return made;
    const encode = (): Promise<{ buf: Buffer; buffer: Buffer }> => {
      const buffer = encodeProduceBody({ acks: call.acks, timeoutMs: call.timeout, topics, nowMs: Date.now() });
      return Promise.resolve({ buf: buffer, buffer });
    };
    return { ...made, request: { ...made.request, encode } };
  };
}

/** Undefined when something in the request is more than plain values. */
function toPlainTopics({ compression = 0, transactionalId = null, producerId = noProducer, topicData }: ProduceArguments): TopicValues[] | undefined {
  if (compression !== 0 || transactionalId !== null || producerId !== noProducer) return undefined;
  const messages = topicData.flatMap(({ partitions }) => partitions.flatMap((entry) => entry.messages));
  if (!messages.every((message) => isPlain(message))) return undefined;
  return topicData.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((entry) => ({ partition: entry.partition, values: entry.messages.map(({ value }) => value as Buffer) })),
  }));
}

function isPlain({ key, value, headers, timestamp }: Message): boolean {
  return Buffer.isBuffer(value) && (key ?? headers ?? timestamp) === undefined;
}

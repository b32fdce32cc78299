import { createRequire } from 'node:module';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { patchKafkajs } from './patch-kafkajs.js';

const require = createRequire(import.meta.url);

interface Queue {
  readonly inflight: Map<number, unknown>;
  throttledUntil: number;
  throttleCheckTimeoutId: unknown;
  push(request: object): void;
  fulfillRequest(response: object): void;
  destroy(): void;
}

function createQueue(maxInFlightRequests: number | null): Queue {
  const RequestQueue = require('kafkajs/src/network/requestQueue') as new (options: object) => Queue;
  const logger = { debug: () => undefined, warn: () => undefined };
  return new RequestQueue({ maxInFlightRequests, requestTimeout: 1000, enforceRequestTimeout: false, clientId: 'c', broker: 'b', logger });
}

function request(correlationId: number, sent: number[]): object {
  const entry = { correlationId, apiKey: 0, apiName: 'x', apiVersion: 0, resolve: () => undefined, reject: () => undefined };
  return { entry, expectResponse: true, sendRequest: () => sent.push(correlationId) };
}

describe('patchKafkajs', () => {
  beforeAll(() => {
    patchKafkajs();
    patchKafkajs();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('an idle connection arms no timer', () => {
    const queue = createQueue(null);
    const sent: number[] = [];
    queue.push(request(1, sent));
    queue.fulfillRequest({ correlationId: 1, payload: null, size: 0 });
    expect(sent).toEqual([1]);
    expect(queue.throttleCheckTimeoutId).toBeNull();
  });

  it('requests that wait for a place in flight are sent when one is free', () => {
    const queue = createQueue(1);
    const sent: number[] = [];
    for (const id of [1, 2, 3]) queue.push(request(id, sent));
    expect(sent).toEqual([1]);
    queue.fulfillRequest({ correlationId: 1, payload: null, size: 0 });
    queue.fulfillRequest({ correlationId: 2, payload: null, size: 0 });
    expect(sent).toEqual([1, 2, 3]);
    queue.destroy();
  });

  it('requests that are throttled are sent when the throttle ends', () => {
    vi.useFakeTimers({ now: 1_000_000 });
    const queue = createQueue(null);
    const sent: number[] = [];
    queue.throttledUntil = 1_000_250;
    queue.push(request(1, sent));
    vi.advanceTimersByTime(240);
    expect(sent).toEqual([]);
    vi.advanceTimersByTime(20);
    expect(sent).toEqual([1]);
    expect(queue.throttleCheckTimeoutId).toBeNull();
  });

  it('an encoder grows without losing a byte', () => {
    type Writer = { readonly buffer: Buffer; writeBytes(bytes: Buffer): Writer; writeInt32(value: number): Writer };
    const Encoder = require('kafkajs/src/protocol/encoder') as new (bytes?: number) => Writer;
    const writer = new Encoder(8);
    for (let at = 0; at < 500; at += 1) writer.writeInt32(at);
    writer.writeBytes(Buffer.alloc(10_000, 7)).writeInt32(-5);
    expect(writer.buffer.length).toBe(500 * 4 + 4 + 10_000 + 4);
    expect(writer.buffer.readInt32BE(499 * 4)).toBe(499);
    expect(writer.buffer.readInt32BE(writer.buffer.length - 4)).toBe(-5);
  });
});

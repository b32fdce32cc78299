import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventBatch, type Event } from '@tidegate/grpc';
import { systemClock } from '@tidegate/units';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEventPublisher, createInProcessTransport, type Deliver, type EventPublisher } from './index.js';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidegate-publisher-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

function lifecycle(id: string): Event {
  return { id, atUs: 1, app: 'spec', instance: 'a', configVersion: '', kind: { $case: 'lifecycle', value: { what: 'started', detail: id } } };
}

function start(deliver: Deliver, durability: 'memory' | 'disk' = 'memory', partitions = 1): EventPublisher {
  return createEventPublisher({
    config: { durability, spool: { directory, maxBytes: 4 * 1024 ** 2 } },
    transport: createInProcessTransport({ deliver, partitions }),
    instance: 'spec-1',
    clock: systemClock,
    logger: quiet,
  });
}

describe('createEventPublisher, in process', () => {
  it('analytics/N3: hands over the objects themselves, in order, under sequences without gaps', async () => {
    const batches: EventBatch[] = [];
    const publisher = start(async (batch) => void batches.push(batch));
    const events = Array.from({ length: 3000 }, (_, at) => lifecycle(String(at)));
    for (const event of events) void publisher.publish(event, 'jwt:alice');
    await publisher.flush();
    expect(batches.flatMap((batch) => batch.events)).toEqual(events);
    expect(batches[0]?.events[0]).toBe(events[0]);
    expect(batches.map((batch) => batch.sequence)).toEqual(batches.map((_, at) => at + 1));
    expect(publisher.stats()).toMatchObject({ published: 3000, sent: 3000, waiting: 0, spoolBytes: 0 });
    await publisher.close();
    expect(readdirSync(directory)).toEqual([]);
  });
});

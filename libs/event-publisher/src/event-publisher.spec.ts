import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchBytesMax, decodeBatch, partitionOf } from '@tidegate/events';
import type { Event, EventBatch } from '@tidegate/grpc';
import { createRegistry } from '@tidegate/observability';
import { waitUntil } from '@tidegate/testkit';
import { systemClock } from '@tidegate/units';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEventPublisher, createInProcessTransport, type Deliver, type EventPublisher, type EventPublisherOptions } from './index.js';
import { scanSegment } from './spool/segment-format.js';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidegate-publisher-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

interface Setup extends Partial<EventPublisherOptions> {
  readonly durability?: 'memory' | 'disk';
  readonly partitions?: number;
  readonly maxBytes?: number;
}

function start(deliver: Deliver, { durability = 'memory', partitions = 1, maxBytes = 4 * 1024 ** 2, ...rest }: Setup = {}): EventPublisher {
  return createEventPublisher({
    config: { durability, spool: { directory, maxBytes } },
    transport: createInProcessTransport({ deliver, partitions }),
    instance: 'spec-1',
    clock: systemClock,
    logger: quiet,
    ...rest,
  });
}

function numbered(at: number, detail = ''): Event {
  return { id: String(at), atUs: 1, app: 'spec', instance: 'a', configVersion: '', kind: { $case: 'lifecycle', value: { what: 'ready', detail } } };
}

/** Analytics as N4 describes it: everything up to the last sequence of a producer and partition is skipped. */
function createLedger(): { readonly ids: string[]; readonly batches: EventBatch[]; readonly accept: Deliver } {
  const last = new Map<string, number>();
  const ids: string[] = [];
  const batches: EventBatch[] = [];
  const accept: Deliver = (batch, partition) => {
    const key = `${batch.producerId}/${partition}`;
    if (batch.sequence > (last.get(key) ?? 0)) {
      last.set(key, batch.sequence);
      batches.push(batch);
      for (const { id } of batch.events) ids.push(id);
    }
    return Promise.resolve();
  };
  return { ids, batches, accept };
}

const idsUpTo = (count: number): string[] => Array.from({ length: count }, (_, at) => String(at));
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('createEventPublisher, in process', () => {
  it('analytics/N3: hands over the objects themselves, in order, under sequences without gaps', async () => {
    const ledger = createLedger();
    const publisher = start(ledger.accept);
    const events = idsUpTo(3000).map((_, at) => numbered(at));
    for (const event of events) void publisher.publish(event, 'jwt:alice');
    await publisher.flush();
    expect(ledger.ids).toEqual(idsUpTo(3000));
    expect(ledger.batches[0]?.events[0]).toBe(events[0]);
    expect(ledger.batches.map(({ sequence }) => sequence)).toEqual(ledger.batches.map((_, at) => at + 1));
    expect(publisher.stats()).toMatchObject({ published: 3000, sent: 3000, waiting: 0, spoolBytes: 0 });
    await publisher.close();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('analytics/N3: keeps each principal in one partition and in order', async () => {
    const seen = new Map<number, string[]>();
    const publisher = start(
      async ({ events }, partition) => void seen.set(partition, [...(seen.get(partition) ?? []), ...events.map(({ id }) => id)]),
      { partitions: 4 },
    );
    for (let at = 0; at < 1000; at += 1) void publisher.publish(numbered(at), `user-${at % 9}`);
    await publisher.close();
    for (const [partition, ids] of seen) {
      expect(ids).toEqual(idsUpTo(1000).filter((id) => partitionOf(`user-${Number(id) % 9}`, 4) === partition));
    }
    expect([...seen.values()].flat()).toHaveLength(1000);
  });

  it('repeats the same batches, before anything newer, until they are taken', async () => {
    const ledger = createLedger();
    let calls = 0;
    const publisher = start(async (batch, partition) => {
      calls += 1;
      if (calls === 2 || calls === 3) throw new Error('not now');
      await ledger.accept(batch, partition);
      if (calls === 5) throw new Error('taken, but nobody hears of it');
    });
    for (let at = 0; at < 40; at += 1) {
      void publisher.publish(numbered(at), 'a');
      if (at % 10 === 0) await pause(25);
    }
    await waitUntil('all sent', () => publisher.stats().waiting === 0);
    await publisher.close();
    expect(ledger.ids).toEqual(idsUpTo(40));
    expect(publisher.stats()).toMatchObject({ sent: 40, dropped: 0, spoolBytes: 0 });
  });

  it('keeps a bounded number of events in memory while the analytics hang, the rest on disk, and loses none', async () => {
    const ledger = createLedger();
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const publisher = start(
      async (batch, partition) => {
        await gate;
        await ledger.accept(batch, partition);
      },
      { maxBytes: 64 * 1024 ** 2 },
    );
    for (let at = 0; at < 200_000; at += 1) {
      void publisher.publish(numbered(at), 'a');
      if (at % 5_000 === 0) await pause(1);
    }
    await pause(40);
    expect(publisher.stats().spooled).toBeGreaterThan(100_000);
    release();
    await publisher.flush();
    expect(ledger.ids).toEqual(idsUpTo(200_000));
    await publisher.close();
  });

  it('analytics/N3: when the spool is full the oldest are dropped and counted, and the books balance', async () => {
    const ledger = createLedger();
    let isAway = true;
    const publisher = start(async (batch, partition) => (isAway ? Promise.reject(new Error('away')) : ledger.accept(batch, partition)));
    for (let at = 0; at < 10_000; at += 1) {
      void publisher.publish(numbered(at, 'x'.repeat(1000)), 'a');
      if (at % 100 === 0) await pause(1);
    }
    await publisher.flush();
    const full = publisher.stats();
    expect(full.spoolBytes).toBeLessThanOrEqual(4 * 1024 ** 2);
    expect(full.dropped).toBeGreaterThan(5_000);
    expect(full.dropped + full.waiting).toBe(10_000);
    isAway = false;
    await waitUntil('all sent', () => publisher.stats().waiting === 0);
    const { sent, dropped } = publisher.stats();
    expect(sent + dropped).toBe(10_000);
    expect(ledger.ids.slice(-3_000)).toEqual(idsUpTo(10_000).slice(-3_000));
    expect(ledger.ids.map(Number)).toEqual(ledger.ids.map(Number).sort((a, b) => a - b));
    await publisher.close();
  });

  it('analytics/7: refuses an event that no batch can hold, counts it, and goes on', async () => {
    const ledger = createLedger();
    const publisher = start(ledger.accept, { durability: 'disk' });
    await publisher.publish(numbered(0), 'a');
    await publisher.publish(numbered(1, 'x'.repeat(1024 ** 2)), 'a');
    await publisher.publish(numbered(2, 'x'.repeat(batchBytesMax - 200)), 'a');
    await publisher.publish({ ...numbered(3), id: undefined as unknown as string }, 'a');
    await publisher.publish(numbered(4), 'a');
    await publisher.close();
    expect(ledger.ids).toEqual(['0', '2', '4']);
    expect(publisher.stats()).toMatchObject({ published: 5, sent: 3, refused: 2, waiting: 0 });
  });

  it('counts what is published after close as dropped', async () => {
    const publisher = start(createLedger().accept);
    await publisher.close();
    void publisher.publish(numbered(0), 'a');
    expect(publisher.stats()).toMatchObject({ published: 1, dropped: 1 });
  });

  it('puts on disk what the analytics do not take before close ends, and the next start delivers it first', async () => {
    const first = start(() => new Promise(() => undefined));
    for (let at = 0; at < 100; at += 1) void first.publish(numbered(at), 'a');
    await first.close({ timeoutMs: 50 });
    const ledger = createLedger();
    const second = start(ledger.accept);
    for (let at = 100; at < 150; at += 1) void second.publish(numbered(at), 'a');
    await second.flush();
    expect(ledger.ids).toEqual(idsUpTo(150));
    expect(ledger.batches[0]?.producerId).toBe(first.producerId);
    expect(second.stats()).toMatchObject({ published: 50, recovered: 100, sent: 150, waiting: 0 });
    await second.close();
  });

  it('shows its counters as metrics', async () => {
    const registry = createRegistry();
    const publisher = start(createLedger().accept, { registry });
    for (let at = 0; at < 7; at += 1) void publisher.publish(numbered(at), 'a');
    await publisher.close();
    const text = await registry.metrics();
    expect(text).toMatch(/^tidegate_events_published_total 7$/m);
    expect(text).toMatch(/^tidegate_events_sent_total 7$/m);
    expect(text).toMatch(/^tidegate_events_waiting 0$/m);
    expect(text).toMatch(/^tidegate_events_spool_bytes 0$/m);
  });
});

describe('durability disk', () => {
  function onDisk(): string[] {
    const folder = join(directory, 'spec-1');
    const ids: string[] = [];
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.spool'))) {
      const bytes = readFileSync(join(folder, name));
      for (const { offset, length } of scanSegment(bytes).records) {
        ids.push(...decodeBatch(bytes.subarray(offset, offset + length)).events.map(({ id }) => id));
      }
    }
    return ids;
  }

  it('analytics/N1: an event is on disk when its promise resolves', async () => {
    const publisher = start(() => new Promise(() => undefined), { durability: 'disk' });
    for (let at = 0; at < 20; at += 1) {
      await publisher.publish(numbered(at), 'a');
      expect(onDisk()).toContain(String(at));
    }
    await publisher.close({ timeoutMs: 1 });
  });

  it('analytics/N1: all that wait share one write and one fsync', async () => {
    const ledger = createLedger();
    const publisher = start(ledger.accept, { durability: 'disk' });
    await Promise.all(Array.from({ length: 400 }, async (_, at) => publisher.publish(numbered(at), 'a')));
    await publisher.close();
    expect(ledger.ids).toEqual(idsUpTo(400));
    expect(ledger.batches.length).toBeLessThanOrEqual(2);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('lets requests go when the disk fails, counts them, and still delivers', async () => {
    const ledger = createLedger();
    const publisher = start(ledger.accept, { durability: 'disk' });
    rmSync(join(directory, 'spec-1'), { recursive: true });
    await publisher.publish(numbered(0), 'a');
    await publisher.publish(numbered(1), 'a');
    expect(publisher.stats()).toMatchObject({ undurable: 2 });
    await waitUntil('delivered', () => ledger.ids.length === 2);
    await publisher.close().catch(() => undefined);
  });
});

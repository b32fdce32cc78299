import { Event, EventBatch, RequestEvent, StageLatencies } from '@tidegate/grpc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ulidPattern } from './create-ulid.js';
import { BatchEncoder, createEventMaker, createUlid, decodeBatch, encodeBatch, EventDecodeError, partitionOf } from './index.js';
import { batchBytesMax } from './topics.js';

describe('createEventMaker', () => {
  it('gives each event an id, whole microseconds and its origin', () => {
    const toEvent = createEventMaker({ app: 'spec', instance: 'spec-1', clock: { nowMs: () => 1_700_000_000_000.4 } });
    const kind = { $case: 'lifecycle', value: { what: 'ready', detail: '' } } as const;
    const now = toEvent(kind, 'c1');
    const before = toEvent(kind, 'c1', 5);
    expect(now).toMatchObject({ atUs: 1_700_000_000_000_400, app: 'spec', instance: 'spec-1', configVersion: 'c1', kind });
    expect(before.atUs).toBe(5_000);
    expect(before.id).not.toBe(now.id);
  });
});

describe('createUlid', () => {
  /** One id at each of the times. */
  function ulids(times: readonly number[]): string[] {
    let nowMs = 0;
    const ulid = createUlid({ clock: { nowMs: () => nowMs } });
    return times.map((time) => {
      nowMs = time;
      return ulid();
    });
  }

  it('is 26 digits of base 32 that begin with the time', () => {
    const [id = ''] = ulids([2 ** 41 + 33]);
    expect(id).toMatch(ulidPattern);
    expect(id.slice(0, 10)).toBe('0200000011');
  });

  it('never gives the same id twice, and always a greater one, whatever the clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 2 ** 48 - 1 }), { maxLength: 200 }), fc.array(fc.integer({ min: -3, max: 2 }), { maxLength: 300 }), (far, steps) => {
        let at = 1_700_000_000_000;
        const ids = ulids([...steps.map((step) => (at += step)), ...far]);
        expect(ids).toEqual([...new Set(ids)].sort());
        for (const id of ids) expect(id).toMatch(ulidPattern);
      }),
    );
  });

  it('gives 100,000 ids within one millisecond', () => {
    const ids = ulids(Array.from({ length: 100_000 }, () => 1_700_000_000_000));
    expect(new Set(ids).size).toBe(100_000);
    expect(ids).toEqual(ids.toSorted());
    expect(new Set(ids.map((id) => decodeTime(id)))).toEqual(new Set([1_700_000_000_000]));
  });

  it('two sources never meet, in the same millisecond', () => {
    const times = Array.from({ length: 5_000 }, () => 1_700_000_000_000);
    expect(new Set([...ulids(times), ...ulids(times)]).size).toBe(10_000);
  });

  function decodeTime(id: string): number {
    return Array.from(id.slice(0, 10)).reduce((sum, digit) => sum * 32 + '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.indexOf(digit), 0);
  }
});

describe('partitionOf', () => {
  it('analytics/N3: stays what it is, from version to version', () => {
    expect(['', 'jwt:alice', 'jwt:bob', 'address:192.0.2.7', 'ü'].map((principal) => partitionOf(principal, 12))).toMatchInlineSnapshot(`
      [
        1,
        6,
        9,
        10,
        5,
      ]
    `);
  });

  it('is a partition, and spreads close names', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 512 }), (principal, partitions) => {
        const partition = partitionOf(principal, partitions);
        return Number.isInteger(partition) && partition >= 0 && partition < partitions;
      }),
    );
    const partitions = Array.from({ length: 60_000 }, (_, at) => partitionOf(`address:10.0.${at >> 8}.${at & 255}`, 6));
    for (let partition = 0; partition < 6; partition += 1) {
      expect(Math.abs(partitions.filter((of) => of === partition).length - 10_000)).toBeLessThan(500);
    }
  });
});

const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 200 }), fc.constantFrom('', 'GET', 'x'.repeat(127), 'x'.repeat(128)));
const whole = fc.oneof(fc.nat(300), fc.nat(), fc.maxSafeNat());

/** Arbitrary messages of the shape an empty one has, so that a new field of the schema is covered by itself. */
function like<T extends object>(empty: T, special: Partial<Record<keyof T, fc.Arbitrary<unknown>>> = {}): fc.Arbitrary<T> {
  const fields = Object.entries(empty).map(([name, value]) => [name, special[name as keyof T] ?? arbitraryLike(value)] as const);
  return fc.record(Object.fromEntries(fields)) as unknown as fc.Arbitrary<T>;
}

function arbitraryLike(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value === 'string') return text;
  if (typeof value === 'boolean') return fc.boolean();
  if (typeof value === 'number') return whole;
  if (Array.isArray(value)) return fc.array(text, { maxLength: 3 });
  throw new TypeError(`no arbitrary for ${String(value)}`);
}

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const stages = fc.option(like(StageLatencies.decode(new Uint8Array(0))), { nil: undefined });
const request = like(RequestEvent.decode(new Uint8Array(0)), {
  stages,
  status: uint32,
  decisionReason: uint32,
  adjustmentPercent: uint32,
  attempts: uint32,
  completion: fc.integer({ min: 0, max: 3 }),
});
const kind = fc.oneof(
  { weight: 4, arbitrary: request.map((value) => ({ $case: 'request' as const, value })) },
  fc.record({ what: text, detail: text }).map((value) => ({ $case: 'lifecycle' as const, value })),
  fc.constant(undefined),
);
const event: fc.Arbitrary<Event> = fc.record({ id: text, atUs: whole, app: text, instance: text, configVersion: text, kind });
const batch = fc.record({ producerId: text.filter((id) => id !== ''), sequence: fc.maxSafeNat().map((n) => n || 1), events: fc.array(event, { maxLength: 8 }) });

describe('encodeBatch and decodeBatch', () => {
  it('write byte for byte what the generated code writes', () => {
    fc.assert(fc.property(batch, (made) => Buffer.from(encodeBatch(made)).equals(EventBatch.encode(made).finish())));
  });

  it('read what the generated code reads', () => {
    fc.assert(
      fc.property(batch, (made) => {
        const bytes = EventBatch.encode(made).finish();
        expect(decodeBatch(bytes)).toEqual(EventBatch.decode(bytes));
      }),
    );
  });

  it('a reader one version older passes over fields and kinds it does not know', () => {
    const unknown = Buffer.from([0xa2, 0x06, 3, 1, 2, 3, 0xa8, 0x06, 0x96, 0x01, 0xad, 0x06, 1, 2, 3, 4, 0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8]);
    const newEvent = Buffer.concat([Buffer.from([10, 1, 0x61]), unknown]);
    const bytes = Buffer.concat([Buffer.from([10, 1, 0x70, 16, 1]), unknown, Buffer.from([26, newEvent.length]), newEvent]);
    expect(decodeBatch(bytes)).toEqual({ producerId: 'p', sequence: 1, events: [{ id: 'a', atUs: 0, app: '', instance: '', configVersion: '', kind: undefined }] });
  });

  it('bad bytes give an EventDecodeError and nothing else', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => expectBatchOrDecodeError(bytes)));
    fc.assert(
      fc.property(batch, fc.nat(), fc.nat(), (made, at, cut) => {
        const bytes = Buffer.from(encodeBatch(made));
        const bit = at % (bytes.length * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expectBatchOrDecodeError(bytes);
        expectBatchOrDecodeError(bytes.subarray(0, cut % bytes.length));
      }),
    );
  });

  it.each([
    ['no bytes', Buffer.alloc(0)],
    ['text', Buffer.from('GET / HTTP/1.1')],
    ['a batch without a producer', Buffer.from([16, 1])],
    ['a batch without a sequence', Buffer.from([10, 1, 0x70])],
    ['a sequence beyond 2^53', Buffer.from([10, 1, 0x70, 16, 255, 255, 255, 255, 255, 255, 255, 255, 1])],
  ])('%s is no batch', (_, bytes) => {
    expect(() => decodeBatch(bytes)).toThrow(EventDecodeError);
  });

  function expectBatchOrDecodeError(bytes: Uint8Array): void {
    let thrown: unknown;
    try {
      decodeBatch(bytes);
    } catch (err) {
      thrown = err;
    }
    expect(thrown === undefined || thrown instanceof EventDecodeError).toBe(true);
  }
});

describe('BatchEncoder', () => {
  const plain = (id: string, detail = ''): Event => ({ id, atUs: 1, app: 'a', instance: 'i', configVersion: 'c', kind: { $case: 'lifecycle', value: { what: 'ready', detail } } });

  it('analytics/N3: fills batches up to 512 KiB and no further', () => {
    const encoder = new BatchEncoder();
    encoder.begin('p', 7);
    let added = 0;
    while (encoder.add(plain(String(added), 'x'.repeat(1000)))) added += 1;
    const bytes = encoder.finish();
    expect(bytes.length).toBeLessThanOrEqual(batchBytesMax);
    expect(bytes.length).toBeGreaterThan(batchBytesMax - 1100);
    expect(decodeBatch(bytes)).toMatchObject({ producerId: 'p', sequence: 7, events: { length: added } });
    expect(encoder.count).toBe(added);
  });

  it('is as it was before an event that is refused', () => {
    const encoder = new BatchEncoder();
    encoder.begin('p', 1);
    expect(encoder.add(plain('1'))).toBe(true);
    expect(encoder.add(plain('big', 'x'.repeat(1024 ** 2)))).toBe(false);
    const made = emptyRequest();
    made.value.route = undefined as unknown as string;
    expect(() => encoder.add({ ...plain('broken'), kind: made })).toThrow(TypeError);
    expect(encoder.add(plain('2'))).toBe(true);
    expect(decodeBatch(encoder.finish()).events.map(({ id }) => id)).toEqual(['1', '2']);
  });

  it('takes the whole part of a fraction, and 0 for what is negative or no number', () => {
    const made = emptyRequest();
    Object.assign(made.value, { durationUs: 12.9, requestBytes: -1, responseBytes: Number.NaN });
    const { events } = decodeBatch(encodeBatch({ producerId: 'p', sequence: 1, events: [{ ...plain('1'), kind: made }] }));
    expect(events[0]?.kind?.value).toMatchObject({ durationUs: 12, requestBytes: 0, responseBytes: 0 });
  });

  function emptyRequest(): { $case: 'request'; value: RequestEvent } {
    return { $case: 'request', value: RequestEvent.decode(new Uint8Array(0)) };
  }
});

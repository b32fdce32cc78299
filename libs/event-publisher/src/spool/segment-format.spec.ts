import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordHeaderBytes, scanSegment, toRecordHeader } from './segment-format.js';

interface Written {
  readonly bytes: Buffer;
  /** Where each record ends. */
  readonly ends: readonly number[];
}

function write(payloads: readonly Uint8Array[]): Written {
  const parts: Uint8Array[] = [];
  const ends: number[] = [];
  let end = 0;
  for (const [at, payload] of payloads.entries()) {
    parts.push(toRecordHeader(payload, at % 7, at + 1), payload);
    end += recordHeaderBytes + payload.length;
    ends.push(end);
  }
  return { bytes: Buffer.concat(parts), ends };
}

const payloads = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 20 });

describe('scanSegment', () => {
  it('reads back what was written', () => {
    const { bytes, ends } = write([Buffer.from('one'), Buffer.alloc(0), Buffer.from('three')]);
    const scan = scanSegment(bytes);
    expect(scan).toMatchObject({ goodBytes: bytes.length, rest: 'none' });
    expect(scan.records.map(({ offset, length }) => offset + length)).toEqual(ends);
    expect(scan.records.map(({ partition, count }) => [partition, count])).toEqual([[0, 1], [1, 2], [2, 3]]);
    expect(bytes.subarray(scan.records[2]?.offset).toString()).toBe('three');
  });

  it('analytics/N3: cut anywhere, keeps every whole record and calls the rest torn', () => {
    fc.assert(
      fc.property(payloads, fc.nat(), (made, at) => {
        const { bytes, ends } = write(made);
        const cut = at % (bytes.length + 1);
        const scan = scanSegment(bytes.subarray(0, cut));
        const whole = ends.filter((end) => end <= cut);
        expect(scan.records).toHaveLength(whole.length);
        expect(scan.goodBytes).toBe(whole.at(-1) ?? 0);
        expect(scan.rest).toBe(scan.goodBytes === cut ? 'none' : 'torn');
      }),
    );
  });

  it('analytics/N3: with any bit flipped, keeps every record before it and none that holds it', () => {
    fc.assert(
      fc.property(payloads, fc.nat(), (made, at) => {
        const { bytes, ends } = write(made);
        const bit = at % (bytes.length * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const before = ends.filter((end) => end <= bit >> 3);
        const scan = scanSegment(bytes);
        expect(scan.records).toHaveLength(before.length);
        expect(scan.rest).not.toBe('none');
        expect(scan.rest === 'corrupt' || before.length >= ends.length - 1).toBe(true);
      }),
    );
  });

  it('takes zeros behind the last record for a torn tail', () => {
    const { bytes } = write([Buffer.from('one')]);
    expect(scanSegment(Buffer.concat([bytes, Buffer.alloc(4096)]))).toMatchObject({ goodBytes: bytes.length, rest: 'torn' });
  });

  it('never throws on any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => void scanSegment(Buffer.from(bytes))));
  });
});

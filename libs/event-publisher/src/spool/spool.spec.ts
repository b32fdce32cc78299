import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '@tidegate/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Spool, type RecoveredRecord, type SpoolOptions } from './spool.js';

let directory = '';
const said: { message: string; fields: Record<string, unknown> }[] = [];
const say = (fields: object, message: string): void => void said.push({ message, fields: { ...fields } });
const logger = { info: say, warn: say, error: say };

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidegate-spool-'));
  said.length = 0;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function open(overrides: Partial<SpoolOptions> = {}): Spool {
  return new Spool({ directory, maxBytes: 4 * 1024 ** 2, instance: 'spec', retainAckedBytes: 0, logger, onDropped: () => undefined, ...overrides });
}

async function textsOf(spool: Spool, records: readonly RecoveredRecord[]): Promise<string[]> {
  return Promise.all(records.map(async ({ place }) => Buffer.from(await spool.read(place)).toString()));
}

const segments = (instance = 'spec'): string[] => readdirSync(join(directory, instance)).filter((name) => name.endsWith('.spool'));

/** As if the process had been killed: written, the directory not given back. */
async function abandon(spool: Spool): Promise<void> {
  await spool.close();
  writeFileSync(join(directory, 'spec', 'owner'), `${hostname()} 2147483646 1`);
}

describe('Spool', () => {
  it('reads back what it holds, before and after it is on disk', async () => {
    const spool = open();
    const places = ['a', 'b', 'c'].map((text) => spool.append(Buffer.from(text), 0, 1));
    const texts = await Promise.all(places.map(async (place) => place && Buffer.from(await spool.read(place)).toString()));
    expect(texts).toEqual(['a', 'b', 'c']);
    expect(await spool.sync()).toBe(true);
    expect(spool.bytes).toBe(63);
    await spool.close();
  });

  it('analytics/N1: the next process finds everything that was not acknowledged, in order', async () => {
    const first = open();
    for (let at = 0; at < 100; at += 1) first.append(Buffer.from(`batch ${at}`), at % 3, at);
    await first.close();
    const second = open();
    const records = await second.recover();
    expect(await textsOf(second, records)).toEqual(Array.from({ length: 100 }, (_, at) => `batch ${at}`));
    expect(records.map(({ partition, count }) => [partition, count])).toEqual(Array.from({ length: 100 }, (_, at) => [at % 3, at]));
    for (const { place, count } of records) second.acknowledge(place, count);
    await second.close();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('appends to a file of its own, behind what it found', async () => {
    const first = open();
    first.append(Buffer.from('old'), 0, 1);
    await first.close();
    const second = open();
    await second.recover();
    second.append(Buffer.from('new'), 0, 1);
    await second.close();
    const third = open();
    expect(await textsOf(third, await third.recover())).toEqual(['old', 'new']);
    await third.close();
  });

  it('deletes files when all in them is acknowledged', async () => {
    const spool = open();
    const place = spool.append(Buffer.from('a'), 0, 1);
    await spool.sync();
    expect(segments()).toHaveLength(1);
    if (place !== undefined) spool.acknowledge(place, 1);
    await spool.sync();
    expect(segments()).toEqual([]);
    expect(spool.bytes).toBe(0);
    await spool.close();
  });

  it('analytics/N3: past its bound it gives up whole segments, oldest first, and says which', async () => {
    const dropped: number[] = [];
    const spool = open({ onDropped: ({ openEvents }) => dropped.push(openEvents) });
    const payload = Buffer.alloc(100_000, 7);
    const places = Array.from({ length: 100 }, () => spool.append(payload, 0, 5));
    await spool.sync();
    expect(spool.bytes).toBeLessThanOrEqual(4 * 1024 ** 2);
    const kept = places.filter((place) => place?.segment.isGone === false).length;
    expect(kept).toBeGreaterThan(25);
    expect(dropped.reduce((sum, count) => sum + count, 0)).toBe((100 - kept) * 5);
    expect(places.findIndex((place) => place?.segment.isGone === false)).toBe(100 - kept);
    await spool.close();
    const next = open();
    expect(await next.recover()).toHaveLength(kept);
    await next.close();
  });

  it('analytics/N3: cuts off a torn tail', async () => {
    const first = open();
    for (const text of ['one', 'two', 'three']) first.append(Buffer.from(text), 0, 1);
    await abandon(first);
    const [name = ''] = segments();
    const path = join(directory, 'spec', name);
    writeFileSync(path, readFileSync(path).subarray(0, -2));
    const second = open();
    expect(await textsOf(second, await second.recover())).toEqual(['one', 'two']);
    expect(said.map(({ message }) => message)).toEqual(['events: cut off a torn tail of the spool']);
    expect(existsSync(`${path}.corrupt`)).toBe(false);
    await second.close();
  });

  it('analytics/7: of a damaged segment keeps the good part, sets the rest aside, and names both', async () => {
    const first = open();
    for (const text of ['one', 'two', 'three']) first.append(Buffer.from(text), 0, 1);
    await abandon(first);
    const [name = ''] = segments();
    const path = join(directory, 'spec', name);
    const bytes = readFileSync(path);
    bytes[23 + 21] = 0xff;
    writeFileSync(path, bytes);
    const second = open();
    expect(await textsOf(second, await second.recover())).toEqual(['one']);
    expect(said[0]?.fields).toMatchObject({ segment: path, aside: `${path}.corrupt`, goodRecords: 1 });
    expect(readFileSync(`${path}.corrupt`)).toEqual(bytes.subarray(23));
    await second.close();
  });

  it('says that a record is damaged when it was changed after it was written', async () => {
    const spool = open();
    const place = spool.append(Buffer.from('one'), 0, 1);
    await spool.sync();
    const [name = ''] = segments();
    const bytes = readFileSync(join(directory, 'spec', name));
    bytes[21] = 0;
    writeFileSync(join(directory, 'spec', name), bytes);
    await expect(place && spool.read(place)).rejects.toThrow(/damaged/);
    await spool.close();
  });

  it('two processes of one name have a directory each; the next one finds both', async () => {
    const [first, second] = [open(), open()];
    first.append(Buffer.from('first'), 0, 1);
    second.append(Buffer.from('second'), 0, 1);
    await first.close();
    await second.close();
    expect(readdirSync(directory).sort()).toEqual(['spec', 'spec~2']);
    const third = open();
    expect(await textsOf(third, await third.recover())).toEqual(['first', 'second']);
    await third.close();
  });

  it('takes over from a dead owner, also one whose id is in use again', async () => {
    const first = open();
    first.append(Buffer.from('left'), 0, 1);
    await first.close();
    writeFileSync(join(directory, 'spec', 'owner'), `${hostname()} ${process.pid} 1`);
    const second = open();
    expect(await textsOf(second, await second.recover())).toEqual(['left']);
    await second.close();
  });

  it('finds what a process of another name left, and one that dies while this one lives', async () => {
    const [gone, running] = [open({ instance: 'gone' }), open({ instance: 'running' })];
    gone.append(Buffer.from('gone'), 0, 1);
    running.append(Buffer.from('running'), 0, 1);
    await gone.close();
    const spool = open();
    expect(await textsOf(spool, await spool.recover())).toEqual(['gone']);
    expect(await spool.adopt()).toEqual([]);
    await running.close();
    expect(await textsOf(spool, await spool.adopt())).toEqual(['running']);
    await spool.close();
  });

  it('takes over from another host only after two minutes of silence', async () => {
    const first = open({ instance: 'other' });
    first.append(Buffer.from('left'), 0, 1);
    await first.close();
    const owner = join(directory, 'other', 'owner');
    writeFileSync(owner, 'elsewhere 1 1');
    const spool = open();
    expect(await spool.recover()).toEqual([]);
    const silentSince = new Date(Date.now() - 130_000);
    utimesSync(owner, silentSince, silentSince);
    expect(await textsOf(spool, await spool.adopt())).toEqual(['left']);
    await spool.close();
  });

  it('leaves another\'s spool alone while there is no room for it', async () => {
    const first = open({ instance: 'other' });
    for (let at = 0; at < 20; at += 1) first.append(Buffer.alloc(100_000), 0, 1);
    await first.close();
    const spool = open();
    const own = Array.from({ length: 30 }, () => spool.append(Buffer.alloc(100_000), 0, 1));
    expect(await spool.adopt()).toEqual([]);
    for (const place of own) if (place !== undefined) spool.acknowledge(place, 1);
    expect(await spool.adopt()).toHaveLength(20);
    await spool.close();
  });

  it('keeps what it cannot write now, says so once, and writes it when it can', async () => {
    const spool = open();
    rmSync(join(directory, 'spec'), { recursive: true });
    spool.append(Buffer.from('patient'), 0, 1);
    expect(await spool.sync()).toBe(false);
    expect(said.map(({ message }) => message)).toEqual(['events: the spool cannot be written; trying again']);
    mkdirSync(join(directory, 'spec'));
    await waitUntil('written', () => said.some(({ message }) => message.includes('again') && !message.includes('cannot')));
    await spool.close();
    const next = open();
    expect(await textsOf(next, await next.recover())).toEqual(['patient']);
    await next.close();
  });

  it('takes nothing more when the disk does not keep up', async () => {
    const spool = open({ maxBytes: 64 * 1024 ** 2 });
    const payload = Buffer.alloc(1024 ** 2);
    const places = Array.from({ length: 20 }, () => spool.append(payload, 0, 1));
    expect(places.filter((place) => place === undefined)).toHaveLength(5);
    await spool.sync();
    expect(spool.append(payload, 0, 1)).toBeDefined();
    await spool.close();
  });

  it('leaves files that are not its own alone', async () => {
    mkdirSync(join(directory, 'spec'));
    appendFileSync(join(directory, 'spec', 'notes.txt'), 'mine');
    const spool = open();
    expect(await spool.recover()).toEqual([]);
    await spool.close();
    expect(readdirSync(join(directory, 'spec'))).toEqual(['notes.txt']);
  });
});

import { readdirSync, statSync } from 'node:fs';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SpoolConfig } from '../events-schema.js';
import type { PublisherLogger } from '../publisher-logger.js';
import { claimAbandoned, claimOwn, heartbeatMs, segmentName, type ClaimedDirectory } from './claim-directory.js';
import { recordHeaderBytes, scanSegment, toRecordHeader, type RecordPlace, type SegmentScan } from './segment-format.js';
import { SegmentWriter } from './segment-writer.js';
import { Segment } from './segment.js';

/** Where a spooled batch lies. */
export interface SpoolPlace {
  readonly segment: Segment;
  readonly offset: number;
  readonly length: number;
}

/** A batch that another process left. */
export interface RecoveredRecord extends RecordPlace {
  readonly place: SpoolPlace;
}

export interface SpoolOptions extends SpoolConfig {
  /** Name of the process among those that share the directory. */
  readonly instance: string;
  /** Bytes of acknowledged records the newest segment may hold before it is deleted. */
  readonly retainAckedBytes: number;
  readonly logger: PublisherLogger;
  /** The oldest segment is given up for want of room. */
  readonly onDropped: (segment: Segment) => void;
}

const segmentBytesMax = 8 * 1024 ** 2;
const unwrittenBytesMax = 16 * 1024 ** 2;

/** Batches that wait on disk, in the order they were appended; survives the process (analytics/N3). */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #own: ClaimedDirectory;
  /** Of dead processes, while what they left is sent. */
  readonly #adopted: ClaimedDirectory[] = [];
  readonly #heartbeat: NodeJS.Timeout;
  readonly #writer: SegmentWriter;
  readonly #segments: Segment[] = [];
  #active: Segment | undefined;
  readonly #firstNumber: number;
  #nextNumber: number;
  #bytes = 0;

  /** Claims a directory of its own. Throws when it cannot be used. */
  constructor(options: SpoolOptions) {
    this.#options = options;
    this.#own = claimOwn(options.directory, options.instance);
    const numbers = segmentsIn(this.#own.path).map((path) => Number(path.slice(-18, -6)));
    this.#firstNumber = Math.max(0, ...numbers) + 1;
    this.#nextNumber = this.#firstNumber;
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs).unref();
    this.#writer = new SegmentWriter({ syncIntervalMs: 200, retryMs: 1_000, onHealth: (err) => this.#reportHealth(err) });
  }

  /** Bytes in use, also those still to be written. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes over what the last process of this name left, and others that are dead. Call it once, before all else. */
  async recover(): Promise<RecoveredRecord[]> {
    const left = segmentsIn(this.#own.path).filter((path) => Number(path.slice(-18, -6)) < this.#firstNumber);
    return [...(await this.#open(left)), ...(await this.adopt())];
  }

  /** Takes over what other dead processes left in the shared directory, as far as there is room for it. */
  async adopt(): Promise<RecoveredRecord[]> {
    const records: RecoveredRecord[] = [];
    for (const directory of claimAbandoned(this.#options.directory)) {
      const paths = segmentsIn(directory.path);
      const bytes = paths.reduce((sum, path) => sum + statSync(path).size, 0);
      if (paths.length === 0 || this.#bytes + bytes > this.#options.maxBytes) directory.release();
      else {
        this.#adopted.push(directory);
        records.push(...(await this.#open(paths)));
      }
    }
    return records;
  }

  /** Appends a batch. Undefined when the disk does not keep up: nothing is appended then. */
  append(payload: Uint8Array, partition: number, count: number): SpoolPlace | undefined {
    const byteLength = recordHeaderBytes + payload.length;
    if (this.#writer.unwrittenBytes + byteLength > unwrittenBytesMax) return undefined;
    while (this.#bytes + byteLength > this.#options.maxBytes && this.#dropOldest());
    const segment = this.#segmentFor(byteLength);
    const offset = segment.bytes + recordHeaderBytes;
    segment.bytes += byteLength;
    segment.openRecords += 1;
    segment.openEvents += count;
    this.#bytes += byteLength;
    this.#writer.append(segment, [toRecordHeader(payload, partition, count), payload]);
    return { segment, offset, length: payload.length };
  }

  /** Resolves when all appended so far is on disk (true), or cannot be now (false). */
  sync(): Promise<boolean> {
    return this.#writer.sync();
  }

  /** The payload at a place. Throws when it was damaged or cannot be read. */
  async read({ segment, offset, length }: SpoolPlace): Promise<Uint8Array> {
    if (segment.writtenBytes < offset + length) await this.#writer.sync();
    return segment.read(offset, length);
  }

  /** The batch at a place is no longer needed. */
  acknowledge({ segment }: SpoolPlace, count: number): void {
    segment.openRecords -= 1;
    segment.openEvents -= count;
    if (segment.openRecords > 0 || segment.isGone) return;
    if (segment !== this.#active || segment.bytes > this.#options.retainAckedBytes) this.#remove(segment);
  }

  /** Puts everything on disk and gives the directory back. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    for (const segment of this.#segments.filter(({ openRecords }) => openRecords === 0)) this.#remove(segment);
    const isOnDisk = await this.#writer.close();
    const openEvents = this.#segments.reduce((sum, segment) => sum + segment.openEvents, 0);
    if (!isOnDisk) this.#options.logger.error({ events: openEvents }, 'events: the spool could not be written completely');
    for (const segment of this.#segments) await segment.close().catch(() => undefined);
    for (const directory of [this.#own, ...this.#adopted]) directory.release();
  }

  /** Reads the good records of each segment, in order; damage is cut off or set aside. Theirs come before everything newer. */
  async #open(paths: readonly string[]): Promise<RecoveredRecord[]> {
    const recovered: RecoveredRecord[] = [];
    const segments: Segment[] = [];
    for (const path of paths) {
      const scan = await this.#scan(path);
      const segment = new Segment(path, false);
      segment.bytes = segment.writtenBytes = scan.goodBytes;
      for (const record of scan.records) {
        segment.openRecords += 1;
        segment.openEvents += record.count;
        recovered.push({ ...record, place: { segment, offset: record.offset, length: record.length } });
      }
      this.#bytes += segment.bytes;
      if (segment.openRecords > 0) segments.push(segment);
      else this.#writer.remove(segment);
    }
    this.#segments.unshift(...segments);
    return recovered;
  }

  #beat(): void {
    this.#own.beat();
    for (const directory of this.#adopted) directory.beat();
  }

  #segmentFor(byteLength: number): Segment {
    const limit = Math.min(segmentBytesMax, this.#options.maxBytes / 4);
    if (this.#active !== undefined && this.#active.bytes + byteLength <= limit) return this.#active;
    const last = this.#active;
    const name = `${String(this.#nextNumber).padStart(12, '0')}.spool`;
    this.#nextNumber += 1;
    this.#active = new Segment(join(this.#own.path, name), true);
    this.#segments.push(this.#active);
    if (last?.openRecords === 0) this.#remove(last);
    return this.#active;
  }

  #dropOldest(): boolean {
    const [oldest] = this.#segments;
    if (oldest === undefined || oldest === this.#active) return false;
    this.#remove(oldest);
    this.#options.onDropped(oldest);
    return true;
  }

  #remove(segment: Segment): void {
    const at = this.#segments.indexOf(segment);
    if (at >= 0) this.#segments.splice(at, 1);
    if (segment === this.#active) this.#active = undefined;
    this.#bytes -= segment.bytes;
    this.#writer.remove(segment);
  }

  async #scan(path: string): Promise<SegmentScan> {
    const bytes = await readFile(path);
    const scan = scanSegment(bytes);
    if (scan.rest === 'none') return scan;
    const lostBytes = bytes.length - scan.goodBytes;
    if (scan.rest === 'torn') {
      this.#options.logger.info({ segment: path, bytes: lostBytes }, 'events: cut off a torn tail of the spool');
    } else {
      const aside = `${path}.corrupt`;
      await writeFile(aside, bytes.subarray(scan.goodBytes));
      const found = { segment: path, aside, bytes: lostBytes, goodRecords: scan.records.length };
      this.#options.logger.error(found, 'events: a spool segment is damaged; its good part is sent, the rest set aside');
    }
    await truncate(path, scan.goodBytes);
    return scan;
  }

  #reportHealth(err: unknown): void {
    if (err === undefined) this.#options.logger.info({}, 'events: the spool can be written again');
    else this.#options.logger.error({ err }, 'events: the spool cannot be written; trying again');
  }
}

function segmentsIn(directory: string): string[] {
  const names = readdirSync(directory).filter((name) => segmentName.test(name));
  return names.sort().map((name) => join(directory, name));
}

import { open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Segment } from './segment.js';

interface Write {
  readonly segment: Segment;
  readonly buffers: readonly Uint8Array[];
  readonly byteLength: number;
}

export interface SegmentWriterOptions {
  /** Longest time written bytes stay without fsync. */
  readonly syncIntervalMs: number;
  /** Pause after a failed write. */
  readonly retryMs: number;
  /** Told once when writing begins to fail and once when it works again (undefined). */
  readonly onHealth: (err: unknown) => void;
}

/**
 * The one writer of all segments: appends in order, in the background, all that waits in one call. One fsync serves all
 * who asked for it meanwhile. A write that fails is tried again, at the same place.
 */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  #writes: Write[] = [];
  #gone: Segment[] = [];
  #waiting: ((isOnDisk: boolean) => void)[] = [];
  readonly #unsynced = new Set<Segment>();
  #running: Promise<void> | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #isFailing = false;
  #isClosing = false;
  /** Bytes handed over and not yet in a file. */
  unwrittenBytes = 0;

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
  }

  append(segment: Segment, buffers: readonly Uint8Array[]): void {
    const byteLength = buffers.reduce((sum, { length }) => sum + length, 0);
    this.#writes.push({ segment, buffers, byteLength });
    this.unwrittenBytes += byteLength;
    this.#start();
  }

  /** Deletes a segment's file, after what is under way on it. */
  remove(segment: Segment): void {
    segment.isGone = true;
    this.#gone.push(segment);
    this.#start();
  }

  /** Resolves when all appended so far is on disk: true; or when it cannot be now: false. */
  sync(): Promise<boolean> {
    if (this.#isFailing && !this.#isClosing) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#start();
    });
  }

  /** Writes and syncs what is left, trying once. False when something could not be written. */
  async close(): Promise<boolean> {
    this.#isClosing = true;
    clearTimeout(this.#syncTimer);
    const isOnDisk = await this.sync();
    await this.#running;
    return isOnDisk && this.#writes.length === 0;
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#hasWork && !this.#isFailing) this.#start();
    });
  }

  get #hasWork(): boolean {
    return this.#writes.length > 0 || this.#waiting.length > 0 || this.#gone.length > 0;
  }

  async #run(): Promise<void> {
    // What is published in the same turn goes into the same write.
    await Promise.resolve();
    while (this.#hasWork) {
      const waiting = this.#waiting;
      this.#waiting = [];
      const isOnDisk = await this.#round(waiting.length > 0);
      for (const resolve of waiting) resolve(isOnDisk);
      if (!isOnDisk && this.#isClosing) return;
      if (!isOnDisk) await pause(this.#options.retryMs);
    }
  }

  async #round(isSyncWanted: boolean): Promise<boolean> {
    try {
      while (this.#writes.length > 0) await this.#writeRun();
      if (isSyncWanted) await this.#syncAll();
      else if (this.#unsynced.size > 0) this.#syncLater();
      await this.#removeGone();
      if (this.#isFailing) this.#options.onHealth(undefined);
      this.#isFailing = false;
      return true;
    } catch (err) {
      if (!this.#isFailing) this.#options.onHealth(err);
      this.#isFailing = true;
      return false;
    }
  }

  /** Writes the longest run of waiting records that go to one segment. */
  async #writeRun(): Promise<void> {
    const segment = this.#writes[0]?.segment;
    if (segment === undefined) return;
    const end = this.#writes.findIndex((write) => write.segment !== segment);
    const run = end < 0 ? this.#writes : this.#writes.slice(0, end);
    const count = run.length;
    const byteLength = run.reduce((sum, write) => sum + write.byteLength, 0);
    if (!segment.isGone) await this.#write(segment, run.flatMap((write) => write.buffers), byteLength);
    this.#writes.splice(0, count);
    this.unwrittenBytes -= byteLength;
  }

  async #write(segment: Segment, buffers: Uint8Array[], byteLength: number): Promise<void> {
    const isFirst = segment.writtenBytes === 0;
    const handle = await segment.handle();
    const { bytesWritten } = await handle.writev(buffers, segment.writtenBytes);
    if (bytesWritten !== byteLength) throw new Error(`${segment.path}: ${bytesWritten} of ${byteLength} bytes written`);
    segment.writtenBytes += byteLength;
    this.#unsynced.add(segment);
    if (isFirst) await syncDirectory(dirname(segment.path));
  }

  async #syncAll(): Promise<void> {
    for (const segment of this.#unsynced) {
      if (!segment.isGone) await (await segment.handle()).datasync();
      this.#unsynced.delete(segment);
    }
  }

  #syncLater(): void {
    if (this.#isClosing) return;
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined;
      void this.sync();
    }, this.#options.syncIntervalMs).unref();
  }

  async #removeGone(): Promise<void> {
    for (let segment = this.#gone.shift(); segment !== undefined; segment = this.#gone.shift()) {
      this.#unsynced.delete(segment);
      await segment.close();
      await unlink(segment.path).catch(() => undefined);
    }
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

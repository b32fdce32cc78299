import { open, type FileHandle } from 'node:fs/promises';
import { recordHeaderBytes, scanSegment } from './segment-format.js';

/** One file of the spool and what is known of it. Its bytes are appended to and never changed. */
export class Segment {
  readonly path: string;
  /** Bytes of all records, also those still to be written. */
  bytes = 0;
  /** Records and events that nobody acknowledged. */
  openRecords = 0;
  openEvents = 0;
  /** Bytes that are in the file. */
  writtenBytes = 0;
  /** To be deleted: nothing more is written or read. */
  isGone = false;
  #handle: Promise<FileHandle> | undefined;
  readonly #isNew: boolean;

  constructor(path: string, isNew: boolean) {
    this.path = path;
    this.#isNew = isNew;
  }

  /** The open file; a new one is created at the first call. */
  async handle(): Promise<FileHandle> {
    this.#handle ??= open(this.path, this.#isNew ? 'wx+' : 'r+', 0o600).catch((err: unknown) => {
      this.#handle = undefined;
      throw err;
    });
    return this.#handle;
  }

  /** Reads one payload. Throws when its bytes are not what was written. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const handle = await this.handle();
    const record = Buffer.allocUnsafe(recordHeaderBytes + length);
    const { bytesRead } = await handle.read(record, 0, record.length, offset - recordHeaderBytes);
    const isWhole = bytesRead === record.length && scanSegment(record).goodBytes === record.length;
    if (!isWhole) throw new Error(`${this.path}: the record at byte ${offset - recordHeaderBytes} is damaged`);
    return record.subarray(recordHeaderBytes);
  }

  /** Closes the file after what is under way on it. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await (await handle?.catch(() => undefined))?.close();
  }
}

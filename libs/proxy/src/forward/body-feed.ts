import { Fault } from '@tidegate/fault';
import type { RequestBody } from '@tidegate/pipeline';
import { Readable } from 'node:stream';

/**
 * A request body on its way into one attempt. It reads nothing before the connection asks for it, so that an attempt that
 * fails before leaves the body whole for the next one; it passes back-pressure on, counts, and enforces the size limit.
 * The source itself is never destroyed: what the client still sends is the server's business (gateway/H14).
 */
export class BodyFeed extends Readable {
  readonly #source: Readable;
  readonly #bytesMax: number;
  readonly #onFault: (fault: Fault) => void;
  #isAttached = false;
  #isEnded = false;
  /** Bytes handed over so far. */
  bytes = 0;

  /**
   * @param body with a stream
   * @param bytesMax null: no limit
   * @param onFault told once, when the body is too large, ends early or breaks
   */
  constructor(body: RequestBody, bytesMax: number | null, onFault: (fault: Fault) => void) {
    super({ highWaterMark: 16 * 1024 });
    if (body.stream === null) throw new TypeError('a body feed needs a body');
    this.#source = body.stream;
    this.#bytesMax = bytesMax ?? Number.POSITIVE_INFINITY;
    this.#onFault = onFault;
  }

  /** A byte (or the end) of the body was handed over: the request's head may be written. */
  get isRead(): boolean {
    return this.bytes > 0 || this.#isEnded;
  }

  /** The connection took all there was and waits for the client. */
  get isStarved(): boolean {
    return this.#isAttached && !this.#isEnded && this.readableLength === 0;
  }

  override _read(): void {
    if (!this.#isAttached) this.#attach();
    else this.#source.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#detach();
    callback(error);
  }

  #attach(): void {
    this.#isAttached = true;
    const source = this.#source;
    if (source.readableEnded) {
      this.#onEnd();
      return;
    }
    if (source.destroyed) {
      this.#onClose();
      return;
    }
    source.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose);
    source.resume();
  }

  #detach(): void {
    if (!this.#isAttached) return;
    const source = this.#source;
    source.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onError).off('close', this.#onClose);
    source.pause();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    if (this.bytes + chunk.length > this.#bytesMax) {
      this.#onFault(new Fault('body-too-large', `body grew past ${this.#bytesMax} bytes`));
      return;
    }
    this.bytes += chunk.length;
    if (!this.push(chunk)) this.#source.pause();
  };

  readonly #onEnd = (): void => {
    this.#isEnded = true;
    this.push(null);
  };

  readonly #onError = (error: Error): void => {
    this.#onFault(error instanceof Fault ? error : new Fault('bad-request', `request body: ${error.message}`, { cause: error }));
  };

  readonly #onClose = (): void => {
    if (!this.#isEnded) this.#onFault(new Fault('client-closed', 'client left inside its request body'));
  };
}

import type { ServerResponse } from 'node:http';
import { Fault } from '@tidegate/fault';
import { fieldValue, withoutFields, type Fields, type ResponseHead, type ResponseSink } from '@tidegate/pipeline';
import { wantsTrailers } from '../forward/upstream-fields.js';

/** A body up to this size is copied behind its head, so that both leave as one string in one plain write. */
const joinedBytesMax = 8 * 1024;

/** What a sink asks of the connection it answers on. */
export interface SinkConnection {
  /** The head is about to be written: false when this answer is the connection's last. */
  mayPersist(): boolean;
  /** The head waits for the first byte of the body; send it alone if none comes soon. */
  flushSoon(sink: HttpResponseSink): void;
  /** Ends the connection inside a message: with a reset if the client could take it for complete. */
  breakOff(withReset: boolean): void;
}

export interface SinkOptions {
  readonly response: ServerResponse;
  readonly connection: SinkConnection;
  readonly isHead: boolean;
  readonly isOld: boolean;
  /** Of the request: they say whether the client takes trailers. */
  readonly fields: readonly string[];
}

/** The answer of one exchange on a client's socket (gateway/H8, H9). A small answer leaves in one write. */
export class HttpResponseSink implements ResponseSink {
  status = 0;
  isFinished = false;
  bodyBytes = 0;
  abortReason: Fault | undefined = undefined;
  readonly #response: ServerResponse;
  readonly #connection: SinkConnection;
  readonly #isOld: boolean;
  readonly #fields: readonly string[];
  #hasNoBody: boolean;
  #endsByClose = false;
  /** The first chunk, kept back so that it leaves together with the head, and with the end if that follows at once. */
  #first: Uint8Array | undefined;
  #isFlushed = false;
  #drainListener: (() => void) | undefined;

  constructor({ response, connection, isHead, isOld, fields }: SinkOptions) {
    this.#response = response;
    this.#connection = connection;
    this.#isOld = isOld;
    this.#fields = fields;
    this.#hasNoBody = isHead;
  }

  get isStarted(): boolean {
    return this.status !== 0;
  }

  /** The client has not taken what was written. */
  get isBlocked(): boolean {
    return this.#drainListener !== undefined;
  }

  /**
   * Only 103 passes (gateway/H8); HTTP/1.0 knows no such thing (RFC 9110 section 15.2). A client that has not taken what
   * came before misses it: hints have no back-pressure, and an upstream can send them without end.
   */
  informational(status: number, fields: Fields): void {
    const { socket } = this.#response;
    if (status !== 103 || this.isStarted || this.isFinished || this.#isOld || socket === null || socket.writableNeedDrain) return;
    let text = 'HTTP/1.1 103 Early Hints\r\n';
    for (let i = 0; i < fields.length; i += 2) {
      if (/[\r\n\0]/.test(`${fields[i]}${fields[i + 1]}`)) return;
      text += `${fields[i]}: ${fields[i + 1]}\r\n`;
    }
    socket.write(`${text}\r\n`, 'latin1');
  }

  /** @throws Fault upstream-bad-response for fields that cannot be written */
  start({ status, fields }: ResponseHead): void {
    if (this.isStarted || this.isFinished) return;
    const response = this.#response;
    if (!this.#connection.mayPersist()) response.shouldKeepAlive = false;
    if (status === 204 || status === 304) this.#hasNoBody = true;
    try {
      response.writeHead(status, status === 204 ? withoutFields(fields, isLength) : fields);
    } catch (error) {
      throw new Fault('upstream-bad-response', 'the head of the answer cannot be written', { cause: error });
    }
    this.status = status;
    this.#endsByClose = this.#isOld && !this.#hasNoBody && fieldValue(fields, 'content-length') === undefined;
    this.#connection.flushSoon(this);
  }

  write(chunk: Uint8Array): boolean {
    if (this.isFinished || this.#hasNoBody || chunk.length === 0) return true;
    this.bodyBytes += chunk.length;
    if (this.#isFlushed) return this.#response.write(chunk);
    if (this.#first === undefined) {
      this.#first = chunk;
      return true;
    }
    this.flush();
    return this.#response.write(chunk);
  }

  onDrain(listener: () => void): void {
    if (this.isFinished || !this.#response.writableNeedDrain) {
      queueMicrotask(listener);
      return;
    }
    this.#drainListener = listener;
    this.#response.once('drain', () => this.drained());
  }

  end(trailers?: Fields): void {
    if (this.isFinished) return;
    this.isFinished = true;
    if (trailers !== undefined && this.#response.chunkedEncoding && wantsTrailers(this.#fields)) this.#addTrailers(trailers);
    const first = this.#first;
    this.#first = undefined;
    if (first === undefined) this.#response.end();
    else if (first.length <= joinedBytesMax) this.#response.end(toLatin1(first), 'latin1');
    else this.#response.end(first);
  }

  abort(reason: Fault): void {
    if (this.isFinished) return;
    this.abortReason = reason;
    this.isFinished = true;
    // Where the end of the connection is the end of the body, only a reset says that this is not the end.
    this.#connection.breakOff(this.#endsByClose);
    this.drained();
  }

  /** Sends head and first chunk if they still wait. */
  flush(): void {
    if (this.#isFlushed || this.isFinished) return;
    this.#isFlushed = true;
    const first = this.#first;
    this.#first = undefined;
    if (first === undefined) this.#response.flushHeaders();
    else this.#response.write(first);
  }

  /** The client is gone: nothing more can be written. */
  connectionClosed(): void {
    this.isFinished = true;
    this.drained();
  }

  /** The socket takes bytes again. */
  drained(): void {
    const listener = this.#drainListener;
    this.#drainListener = undefined;
    listener?.();
  }

  #addTrailers(trailers: Fields): void {
    const pairs: [string, string][] = [];
    for (let i = 0; i < trailers.length; i += 2) pairs.push([trailers[i] ?? '', trailers[i + 1] ?? '']);
    try {
      this.#response.addTrailers(pairs);
    } catch {
      // A trailer that cannot be written is left out; the body is complete without it.
    }
  }
}

/** One character per byte. */
function toLatin1(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('latin1');
}

/** 204 announces no length (RFC 9110 section 8.6). */
const isLength = (name: string): boolean => name === 'content-length';

import { IncomingMessage } from 'node:http';
import { ownerOf } from './gateway-socket.js';
import { readRequestFields, type RequestFields } from './request-fields.js';

// What Node itself asks of `headers` before it hands a request over: is there a body, is there an expectation.
const bodiless = Object.freeze({});
const withBody = Object.freeze({ 'content-length': '' });

const nothing = (): void => undefined;

/**
 * A request as Node's server hands it over. Its fields are read once, by us: `headers` answers only what the server
 * asks. A stage that gives a body up does not take the client's connection down with it.
 */
export class GatewayRequest extends IncomingMessage {
  #read: RequestFields | undefined;
  /** Bytes of the body taken off the wire so far. */
  bodyBytes = 0;

  get headFields(): RequestFields {
    this.#read ??= readRequestFields(this.rawHeaders, ownerOf(this.socket).fieldRules);
    return this.#read;
  }

  /** A body was announced and is not whole yet. */
  get isBodyMissing(): boolean {
    const { contentLengthCount, transferEncodingCount } = this.headFields;
    return contentLengthCount + transferEncodingCount > 0 && !this.complete;
  }

  override push(chunk: Uint8Array | null, encoding?: BufferEncoding): boolean {
    if (chunk !== null) this.bodyBytes += chunk.length;
    return super.push(chunk, encoding);
  }

  /** Whatever of the body still comes is read and forgotten. */
  discard(): void {
    (this as unknown as { _dumped: boolean })._dumped = true;
    if (!this.destroyed) this.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    (this as unknown as { _dumped: boolean })._dumped = true;
    // Who listens now may have let go when the event comes, a tick later; without any listener it would end the process.
    if (error !== null) this.on('error', nothing);
    callback(error);
  }
}

Object.defineProperty(GatewayRequest.prototype, 'headers', {
  get(this: GatewayRequest) {
    const { expect, contentLengthCount, transferEncodingCount } = this.headFields;
    if (expect !== undefined) return { expect, 'content-length': '' };
    return contentLengthCount + transferEncodingCount === 0 ? bodiless : withBody;
  },
});

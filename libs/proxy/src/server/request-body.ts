import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { RequestBody } from '@tidegate/pipeline';
import type { GatewayRequest } from './gateway-request.js';

/** The body of a request on a client's socket. */
export class HttpRequestBody implements RequestBody {
  readonly stream: Readable | null;
  readonly bytesAnnounced: number | null;
  readonly #request: GatewayRequest;
  readonly #response: ServerResponse;
  #isExpecting: boolean;

  /** @param isExpecting the client waits for a 100 before it sends the body (gateway/H8) */
  constructor(request: GatewayRequest, response: ServerResponse, isExpecting: boolean) {
    const { contentLength, transferEncodingCount } = request.headFields;
    this.bytesAnnounced = transferEncodingCount > 0 ? null : Number(contentLength ?? 0);
    this.stream = this.bytesAnnounced === 0 ? null : request;
    this.#request = request;
    this.#response = response;
    this.#isExpecting = isExpecting;
  }

  get bytesReceived(): number {
    return this.#request.bodyBytes;
  }

  /** All of it is off the wire. */
  get isComplete(): boolean {
    return this.stream === null || this.#request.complete;
  }

  /** The client sends nothing before it is told to. */
  get isHeldByClient(): boolean {
    return this.#isExpecting && this.#request.bodyBytes === 0;
  }

  /** Bytes still to come; null when unknown. */
  get bytesLeft(): number | null {
    if (this.isComplete) return 0;
    return this.bytesAnnounced === null ? null : this.bytesAnnounced - this.#request.bodyBytes;
  }

  wanted(): void {
    if (!this.#isExpecting) return;
    this.#isExpecting = false;
    if (!this.#response.headersSent && !this.#response.destroyed) this.#response.writeContinue();
  }

  /** Whatever still comes is read and forgotten. */
  discard(): void {
    this.#request.discard();
  }
}

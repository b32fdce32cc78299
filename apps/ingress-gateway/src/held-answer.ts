import type { Fault } from '@tidegate/fault';
import { fieldValue, type Fields, type ResponseHead, type ResponseSink } from '@tidegate/pipeline';

/**
 * Keeps back what would complete an answer until its event is on disk (analytics/N1, `durability: disk`): the head of an
 * answer without a body, the chunk that fills the announced length, or the final chunk of chunked coding. Everything
 * before that passes at once, so streams are not delayed.
 */
export class HeldAnswer implements ResponseSink {
  readonly #client: ResponseSink;
  readonly #isHead: boolean;
  #heldHead: ResponseHead | undefined;
  #heldChunk: Uint8Array | undefined;
  #heldTrailers: Fields | undefined;
  #bytesLeft = Number.POSITIVE_INFINITY;
  #isEnded = false;

  /** @param isHead the request's method is HEAD: whatever length is announced, no body follows */
  constructor(client: ResponseSink, isHead: boolean) {
    this.#client = client;
    this.#isHead = isHead;
  }

  get isStarted(): boolean {
    return this.#heldHead !== undefined || this.#client.isStarted;
  }

  get isFinished(): boolean {
    return this.#isEnded || this.#client.isFinished;
  }

  get status(): number {
    return this.#heldHead?.status ?? this.#client.status;
  }

  get bodyBytes(): number {
    return this.#client.bodyBytes + (this.#heldChunk?.length ?? 0);
  }

  get abortReason(): Fault | undefined {
    return this.#client.abortReason;
  }

  informational(status: number, fields: Fields): void {
    this.#client.informational(status, fields);
  }

  start(head: ResponseHead): void {
    const isBodiless = this.#isHead || head.status === 204 || head.status === 304;
    const length = fieldValue(head.fields, 'content-length');
    if (length !== undefined) this.#bytesLeft = Number(length);
    if (isBodiless || this.#bytesLeft === 0) this.#heldHead = head;
    else this.#client.start(head);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#heldHead !== undefined) return true;
    this.#bytesLeft -= chunk.length;
    if (this.#bytesLeft > 0 || this.#heldChunk !== undefined) return this.#client.write(chunk);
    this.#heldChunk = chunk;
    return true;
  }

  onDrain(listener: () => void): void {
    this.#client.onDrain(listener);
  }

  end(trailers?: Fields): void {
    this.#isEnded = true;
    this.#heldTrailers = trailers;
  }

  abort(reason: Fault): void {
    this.#client.abort(reason);
  }

  /** The event is on disk: lets the rest go. */
  release(): void {
    if (!this.#isEnded || this.#client.isFinished) return;
    if (this.#heldHead !== undefined) this.#client.start(this.#heldHead);
    if (this.#heldChunk !== undefined) this.#client.write(this.#heldChunk);
    this.#client.end(this.#heldTrailers);
  }
}

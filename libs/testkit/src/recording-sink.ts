import type { Fault } from '@tidegate/fault';
import { fieldValue, type Fields, type ResponseHead, type ResponseSink } from '@tidegate/pipeline';

/** What a response sink was told, and a way to refuse its bytes for a while. */
export class RecordingSink implements ResponseSink {
  readonly informationals: { status: number; fields: Fields }[] = [];
  readonly chunks: Uint8Array[] = [];
  head: ResponseHead | undefined;
  trailers: Fields | undefined;
  abortedBy: Fault | undefined;
  isEnded = false;
  bodyBytes = 0;
  #isHolding = false;
  #waiting: (() => void)[] = [];
  #settle: (() => void) | undefined;
  /** Resolves when the answer ended or was aborted. */
  readonly finished = new Promise<void>((resolve) => (this.#settle = resolve));

  get isStarted(): boolean {
    return this.head !== undefined;
  }
  get isFinished(): boolean {
    return this.isEnded || this.abortedBy !== undefined;
  }
  get status(): number {
    return this.head?.status ?? 0;
  }
  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }
  field(name: string): string | undefined {
    return fieldValue(this.head?.fields ?? [], name);
  }
  /** From now on every write asks for a pause. */
  hold(): void {
    this.#isHolding = true;
  }
  release(): void {
    this.#isHolding = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const listener of waiting) listener();
  }

  informational(status: number, fields: Fields): void {
    this.informationals.push({ status, fields });
  }
  start(head: ResponseHead): void {
    if (this.head !== undefined) throw new Error('started twice');
    this.head = head;
  }
  write(chunk: Uint8Array): boolean {
    if (this.head === undefined || this.isFinished) throw new Error('write out of order');
    this.chunks.push(chunk);
    this.bodyBytes += chunk.length;
    return !this.#isHolding;
  }
  onDrain(listener: () => void): void {
    if (this.#isHolding) this.#waiting.push(listener);
    else queueMicrotask(listener);
  }
  end(trailers?: Fields): void {
    if (this.isFinished) throw new Error('ended twice');
    this.trailers = trailers;
    this.isEnded = true;
    this.#settle?.();
  }
  abort(reason: Fault): void {
    if (this.isFinished) return;
    this.abortedBy = reason;
    this.#settle?.();
  }
}

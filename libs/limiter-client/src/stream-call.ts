import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { Decision, RateLimitServiceClient, StreamChecksRequest, StreamChecksResponse } from '@tidegate/grpc';
import { toLimiterError, type LimiterError } from './limiter-error.js';
import type { PendingCheck } from './pending-check.js';

/** Most checks in one message (limiter/P10). */
export const itemsPerMessageMax = 128;

/** Most bytes of one message: the limiter ends a stream at 64 KiB (limiter/P10). */
const messageBytesMax = 64 * 1_024;

/** Checks that may be open before the limiter has told its credit. */
const creditAtStart = itemsPerMessageMax;

/** Without an answer for this long a limiter counts as away, in ms: its own longest answer takes about 50. */
const quietAfterMs = 100;

/** What a stream tells the client that opened it. */
export interface StreamCallOwner {
  opened(call: StreamCall): void;
  /** There is room for more: a write was flushed, answers came, the credit grew. */
  hasRoom(): void;
  /** Live instances of this client's group, as the limiter sees them. */
  sawGroupSize(groupSize: number): void;
  decided(pending: PendingCheck, decision: Decision): void;
  refused(pending: PendingCheck, error: LimiterError): void;
  /** The limiter asks to open another stream; what is in flight here is still answered. */
  draining(call: StreamCall): void;
  /** The stream is gone; the outcome of these checks is unknown. */
  ended(call: StreamCall, unanswered: PendingCheck[], reason: string): void;
}

/** One StreamChecks call: writes checks, matches answers by id, keeps to the credit, knows when the other side went quiet. */
export class StreamCall {
  readonly #inFlight = new Map<number, PendingCheck>();
  readonly #owner: StreamCallOwner;
  readonly #now: () => number;
  readonly #call: ClientDuplexStream<StreamChecksRequest, StreamChecksResponse>;
  readonly #written = (): void => this.#onWritten();
  #state: 'connecting' | 'open' | 'draining' | 'ended' = 'connecting';
  #isWriting = false;
  #credit = creditAtStart;
  #nextId = 1;
  #waitingSinceMs: number | undefined;

  constructor(options: { client: RateLimitServiceClient; clientGroup: string; instance: string; owner: StreamCallOwner; now: () => number }) {
    this.#owner = options.owner;
    this.#now = options.now;
    this.#call = options.client.streamChecks();
    this.#call.on('data', (response: StreamChecksResponse) => this.#onResponse(response));
    this.#call.on('error', (error) => this.#onEnd(error.message));
    this.#call.on('end', () => this.#onEnd('ended by the limiter'));
    this.#write({ hello: { clientGroup: options.clientGroup, instance: options.instance }, items: [] });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Whether something was sent and nothing was heard for a while. */
  isQuiet(nowMs: number): boolean {
    return this.#waitingSinceMs !== undefined && nowMs - this.#waitingSinceMs > quietAfterMs;
  }

  /** For how long nothing was heard although something was sent, in ms. */
  quietMs(nowMs: number): number {
    return this.#waitingSinceMs === undefined ? 0 : nowMs - this.#waitingSinceMs;
  }

  /** How many checks may be written now; 0 while the last write is not flushed. */
  get room(): number {
    if (this.#state !== 'open' || this.#isWriting) return 0;
    return Math.min(itemsPerMessageMax, this.#credit - this.#inFlight.size);
  }

  /** Writes the first checks of the queue that fit into one message and returns how many it took. */
  send(queue: readonly PendingCheck[], nowMs: number): number {
    const items: StreamChecksRequest['items'] = [];
    const room = this.room;
    let bytes = 0;
    let taken = 0;
    for (const pending of queue) {
      if (pending.isSettled) {
        taken += 1;
        continue;
      }
      bytes += pending.bytesMax;
      if (items.length >= room || (bytes > messageBytesMax && items.length > 0)) break;
      const id = this.#nextId++;
      this.#inFlight.set(id, pending);
      items.push({ id, check: pending.toSend(nowMs) });
      taken += 1;
    }
    if (items.length > 0) this.#write({ hello: undefined, items });
    return taken;
  }

  /** Asks for a sign of life: an empty message, answered with the credit. */
  probe(): void {
    if (!this.#isWriting && this.#state !== 'ended') this.#write({ hello: undefined, items: [] });
  }

  /** Ends the call at once; what is unanswered is handed to the owner. */
  cancel(reason: string): void {
    this.#onEnd(reason);
    this.#call.cancel();
  }

  #write(request: StreamChecksRequest): void {
    this.#isWriting = true;
    this.#waitingSinceMs ??= this.#now();
    this.#call.write(request, this.#written);
  }

  #onWritten(): void {
    this.#isWriting = false;
    if (this.#state === 'open') this.#owner.hasRoom();
  }

  #onResponse(response: StreamChecksResponse): void {
    if (this.#state === 'ended') return;
    for (const result of response.results) {
      const pending = this.#inFlight.get(result.id);
      if (pending === undefined) continue;
      this.#inFlight.delete(result.id);
      if (result.outcome?.$case === 'decision') this.#owner.decided(pending, result.outcome.value);
      else this.#owner.refused(pending, toLimiterError(result.outcome?.value.code ?? 'INTERNAL', result.outcome?.value.message ?? 'no outcome'));
    }
    this.#waitingSinceMs = this.#inFlight.size > 0 ? this.#now() : undefined;
    if (response.credit > 0) this.#credit = response.credit;
    if (response.groupSize > 0) this.#owner.sawGroupSize(response.groupSize);
    this.#advance(response.draining);
  }

  #advance(isDraining: boolean): void {
    if (isDraining && this.#state !== 'draining') {
      this.#state = 'draining';
      this.#owner.draining(this);
    } else if (this.#state === 'connecting') {
      this.#state = 'open';
      this.#owner.opened(this);
    } else if (this.#state === 'open') this.#owner.hasRoom();
    if (this.#state === 'draining' && this.#inFlight.size === 0) this.#call.end();
  }

  #onEnd(reason: string): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    const unanswered = [...this.#inFlight.values()];
    this.#inFlight.clear();
    this.#owner.ended(this, unanswered, reason);
  }
}

import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Decision, StreamChecksRequest, StreamChecksRequest_Item, StreamChecksResponse, StreamChecksResponse_Result } from '@tidegate/grpc';
import { LimiterError } from '@tidegate/limiter-client';
import type { CheckLimit } from './check-limit.js';
import type { ClientGroups } from './client-groups.js';
import type { CheckSink } from './open-check.js';

export type ChecksCall = ServerDuplexStream<StreamChecksRequest, StreamChecksResponse>;

/** Most items of one message (limiter/P10). */
const itemsPerMessageMax = 128;

/** Longest name of a group or an instance that is kept. */
const nameMax = 64;

/** Checks that were under way when `draining` was sent are still decided for this long, in ms. */
const drainGraceMs = 1_000;

export interface StreamSessionOptions {
  readonly call: ChecksCall;
  readonly checkLimit: CheckLimit;
  readonly groups: ClientGroups;
  readonly openMax: number;
  readonly now: () => number;
  readonly onEnd: (session: StreamSession) => void;
}

/** One StreamChecks call: every accepted id is answered exactly once, in any order, many answers to a message (limiter/P2). */
export class StreamSession implements CheckSink {
  readonly #options: StreamSessionOptions;
  readonly #call: ChecksCall;
  readonly #openIds = new Set<number>();
  readonly #flush = (): void => this.#write();
  #results: StreamChecksResponse_Result[] = [];
  #isFlushScheduled = false;
  #isEnded = false;
  #hasClientEnded = false;
  #drainingSinceMs: number | undefined;
  #group: string | undefined;
  #instance = '';

  constructor(options: StreamSessionOptions) {
    this.#options = options;
    this.#call = options.call;
    this.#call.on('data', (request: StreamChecksRequest) => this.#onRequest(request));
    this.#call.on('end', () => this.#onClientEnd());
    this.#call.on('error', () => this.#onGone());
    this.#call.on('cancelled', () => this.#onGone());
    this.#call.on('drain', () => this.#call.resume());
  }

  decided(id: number, decision: Decision): void {
    this.#openIds.delete(id);
    this.#answer({ id, outcome: { $case: 'decision', value: decision } });
  }

  refused(id: number, error: LimiterError): void {
    this.#openIds.delete(id);
    this.#answerError(id, error);
  }

  /** Asks the client to open another stream elsewhere (limiter/F7). */
  drain(): void {
    if (this.#drainingSinceMs !== undefined) return;
    this.#drainingSinceMs = this.#options.now();
    this.#scheduleFlush();
  }

  #onRequest({ hello, items }: StreamChecksRequest): void {
    if (hello !== undefined && this.#group === undefined) {
      this.#group = hello.clientGroup.slice(0, nameMax);
      this.#instance = hello.instance.slice(0, nameMax);
      this.#options.groups.join(this.#group, this.#instance);
    }
    if (items.length === 0) this.#scheduleFlush();
    else if (items.length > itemsPerMessageMax) this.#refuseAll(items, new LimiterError('TOO_LARGE', `more than ${itemsPerMessageMax} items in a message`));
    else if (this.#isPastDrain()) this.#refuseAll(items, new LimiterError('DRAINING', 'this replica is stopping'));
    else this.#submitAll(items);
  }

  #submitAll(items: readonly StreamChecksRequest_Item[]): void {
    const { checkLimit, now } = this.#options;
    const receivedAtMs = now();
    for (const { id, check } of items) {
      if (this.#openIds.has(id)) this.#answerError(id, new LimiterError('DUPLICATE_ID', `id ${id} is in flight`));
      else if (this.#openIds.size >= this.#options.openMax) this.#answerError(id, overloaded);
      else {
        this.#openIds.add(id);
        checkLimit.submit(check, { id, sink: this, receivedAtMs, deadlineMs: Infinity });
      }
    }
    checkLimit.send();
  }

  #refuseAll(items: readonly StreamChecksRequest_Item[], error: LimiterError): void {
    for (const { id } of items) this.#answerError(id, error);
  }

  #answerError(id: number, error: LimiterError): void {
    const { code, message, retryable } = error;
    this.#answer({ id, outcome: { $case: 'error', value: { code, message, retryable } } });
  }

  #answer(result: StreamChecksResponse_Result): void {
    this.#results.push(result);
    this.#scheduleFlush();
  }

  #isPastDrain(): boolean {
    return this.#drainingSinceMs !== undefined && this.#options.now() - this.#drainingSinceMs > drainGraceMs;
  }

  /** All answers of one turn leave in one message. */
  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    queueMicrotask(this.#flush);
  }

  /** A client that does not read is not read from: what it is owed stays bounded. */
  #write(): void {
    this.#isFlushScheduled = false;
    if (this.#isEnded) return;
    const results = this.#results;
    this.#results = [];
    const { groups, openMax, checkLimit } = this.#options;
    const response: StreamChecksResponse = {
      results,
      draining: this.#drainingSinceMs !== undefined,
      groupSize: this.#group === undefined ? 0 : groups.sizeOf(this.#group),
      credit: Math.min(openMax, this.#openIds.size + checkLimit.room),
    };
    if (!this.#call.write(response)) this.#call.pause();
    if (this.#hasClientEnded && this.#openIds.size === 0) this.#end();
  }

  #onClientEnd(): void {
    this.#hasClientEnded = true;
    if (this.#openIds.size === 0 && !this.#isFlushScheduled) this.#end();
  }

  #end(): void {
    this.#onGone();
    this.#call.end();
  }

  #onGone(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#group !== undefined) this.#options.groups.leave(this.#group, this.#instance);
    this.#options.onEnd(this);
  }
}

const overloaded = new LimiterError('OVERLOADED', 'too many checks are open; try again');

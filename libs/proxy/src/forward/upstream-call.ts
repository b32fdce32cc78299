import { Fault, toFault } from '@tidegate/fault';
import type { Cancellation, Fields, RequestBody, RequestHead, ResponseSink } from '@tidegate/pipeline';
import type { Clock } from '@tidegate/units';
import type { Dispatcher } from 'undici';
import { BodyFeed } from './body-feed.js';
import type { DeadlineWheel, Expiring } from './deadline-wheel.js';
import type { Endpoint } from './endpoint.js';
import { toBodyFraming, type ParsedFields } from './response-framing.js';
import { isConnectionBeingReset } from './upstream-connector.js';
import { toResponseFields, toTrailers } from './upstream-fields.js';
import { toBodyFault, toUpstreamFailure, type UpstreamFailure } from './upstream-failure.js';

/** Most bytes of a discarded answer that are read to keep its connection. */
const discardedBytesMax = 64 * 1024;

const nothing = (): void => undefined;

/** One attempt: the request as it goes to one upstream, and where its answer goes. */
export interface UpstreamCallOptions {
  readonly head: RequestHead;
  readonly body: RequestBody;
  readonly response: ResponseSink;
  readonly cancellation: Cancellation;
  /** Monotonic ms at which the answer's head must be there. */
  readonly deadlineAtMs: number;
  /** Longest silence inside the answer's body, ms. */
  readonly bodyIdleMs: number;
  /** Null: no limit. */
  readonly bodyBytesMax: number | null;
  readonly deadlines: DeadlineWheel;
  readonly clock: Clock;
  /** Statuses whose answer is thrown away, because the attempt will be made again. */
  readonly discardStatuses: readonly number[];
  /** Fields of the answer for the next hop, from those of the upstream: hop-by-hop ones dropped, own ones added. */
  toResponseFields(parsed: ParsedFields, call: UpstreamCall): Fields;
  /** The upstream says that it cannot tell the end of this body from a cut. */
  isEndUncertain?(parsed: ParsedFields): boolean;
  /** The request says `TE: trailers`: those of the answer are passed on (gateway/H8). */
  readonly isTrailersWanted: boolean;
}

/**
 * undici's handler of one attempt. `head` settles when the answer's head was passed on or thrown away, or the attempt
 * failed before; then the body streams on by itself, with back-pressure, until `whenEnded`.
 */
export class UpstreamCall implements Dispatcher.DispatchHandler, Expiring {
  readonly #options: UpstreamCallOptions;
  readonly #sentAtMs: number;
  readonly #feed: BodyFeed | null;
  #controller: Dispatcher.DispatchController | undefined;
  #abortFault: Fault | undefined;
  #takeOffCancellation: () => void = nothing;
  #settleHead: ((call: UpstreamCall) => void) | undefined;
  #settleEnd: (() => void) | undefined;
  #discardedBytes = 0;
  #isPaused = false;

  readonly endpoint: Endpoint;
  readonly deadlineAtMs: number;
  wheelSlot = -1;
  wheelIndex = -1;

  /** Resolves to this call; never rejects (see failure). */
  readonly head: Promise<UpstreamCall>;
  /** Status of the answer, 0 before. */
  status = 0;
  /** From dispatch to the answer's head, ms. */
  headMs = 0;
  /** The same, without the time the client took to send its body: what says something of the upstream. */
  waitMs = 0;
  /** Monotonic ms at which the connection had the whole request, as far as it has it. */
  writtenAtMs: number;
  /** Bytes of the answer's body so far. */
  responseBytes = 0;
  /** Set when the attempt failed before its head was accepted. */
  failure: UpstreamFailure | undefined;
  /** Why the body ended early, when the head had been passed on. */
  bodyFault: Fault | undefined;
  /** The answer was thrown away because of its status. */
  isDiscarded = false;
  isCloseDelimited = false;
  isEnded = false;

  constructor(endpoint: Endpoint, options: UpstreamCallOptions) {
    this.endpoint = endpoint;
    endpoint.inFlight += 1;
    this.#options = options;
    this.#sentAtMs = options.clock.monotonicMs();
    this.writtenAtMs = this.#sentAtMs;
    this.deadlineAtMs = options.deadlineAtMs;
    this.#feed =
      options.body.stream === null
        ? null
        : new BodyFeed(options.body, options.bodyBytesMax, (fault) => this.abort(fault));
    this.#feed?.once('end', () => (this.writtenAtMs = options.clock.monotonicMs()));
    this.head = new Promise((resolve) => (this.#settleHead = resolve));
    options.deadlines.add(this);
    this.#takeOffCancellation = options.cancellation.onCancel(() => {
      this.abort(options.cancellation.reason ?? new Fault('client-closed', 'cancelled'));
    });
  }

  /** The body for undici. */
  get body(): BodyFeed | null {
    return this.#feed;
  }

  /** Bytes of the request's body handed to the connection so far. */
  get requestBytes(): number {
    return this.#feed?.bytes ?? 0;
  }

  /** A byte of the request may have been written. undici writes the head of a request with a body with its first byte. */
  get isSent(): boolean {
    return this.#controller !== undefined && (this.#feed === null || this.#feed.isRead);
  }

  /** Undefined when the answer has ended; else a promise that resolves when it has. Ask after `head`, once. */
  whenEnded(): Promise<void> | undefined {
    if (this.isEnded) return undefined;
    return new Promise((resolve) => (this.#settleEnd = resolve));
  }

  /** The deadline passed before the head. An upstream that still waits for the client's body is not to blame. */
  expire(): void {
    const isClientSlow = this.#feed?.isStarved === true;
    this.abort(
      isClientSlow
        ? new Fault('request-timeout', 'the body was not there before the deadline')
        : new Fault('upstream-timeout', `${this.endpoint.name} sent no head before the deadline`),
    );
  }

  /** Ends the call at once: no more of the request is written, the connection is closed. */
  abort(fault: Fault): void {
    if (this.isEnded || this.#abortFault !== undefined) return;
    this.#abortFault = fault;
    if (this.#controller === undefined) this.onResponseError(null, fault);
    else this.#controller.abort(fault);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.isEnded) {
      controller.abort(this.#abortFault ?? new Error('ended before it was sent'));
      return;
    }
    this.#controller = controller;
    if (this.#feed !== null) this.#options.body.wanted();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, parsed: ParsedFields): void {
    const { response, discardStatuses } = this.#options;
    if (status < 200) {
      if (status === 103 && !response.isStarted) response.informational(status, toResponseFields(parsed, false));
      return;
    }
    const framing = toBodyFraming(parsed, status, this.#options.head.method);
    if (framing === 'unknown-coding') {
      this.abort(new Fault('upstream-bad-response', `${this.endpoint.name}: transfer coding other than chunked`));
      return;
    }
    this.status = status;
    const nowMs = this.#options.clock.monotonicMs();
    this.headMs = nowMs - this.#sentAtMs;
    this.waitMs = nowMs - this.writtenAtMs;
    this.isCloseDelimited = framing === 'close-delimited' || this.#options.isEndUncertain?.(parsed) === true;
    this.isDiscarded = discardStatuses.includes(status);
    if (this.isDiscarded || this.#startAnswer(parsed)) this.#headIsThere();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.isDiscarded) {
      this.#discardedBytes += chunk.length;
      if (this.#discardedBytes > discardedBytesMax) controller.abort(new Error('discarded'));
      return;
    }
    this.responseBytes += chunk.length;
    if (this.#options.response.write(chunk) || this.#isPaused) return;
    this.#isPaused = true;
    controller.pause();
    this.#options.response.onDrain(() => {
      this.#isPaused = false;
      if (!this.isEnded) controller.resume();
    });
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: ParsedFields): void {
    if (this.isCloseDelimited && isConnectionBeingReset()) {
      this.onResponseError(null, new Error('reset inside a close-delimited body'));
      return;
    }
    if (!this.isDiscarded) this.#options.response.end(this.#options.isTrailersWanted ? toTrailers(trailers) : undefined);
    this.#end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.isEnded) return;
    const upstream = this.endpoint.name;
    const { response } = this.#options;
    if (this.status === 0) {
      this.failure =
        this.#abortFault === undefined
          ? toUpstreamFailure(error, upstream, this.isSent)
          : { stage: this.#abortFault.code === 'upstream-bad-response' ? 'broken' : 'ended', fault: this.#abortFault };
      this.#headIsThere();
    } else if (!this.isDiscarded) {
      this.bodyFault = this.#abortFault ?? toBodyFault(error, upstream);
      response.abort(this.bodyFault);
    }
    this.#end();
  }

  /** False: the sink could not write such a head. */
  #startAnswer(parsed: ParsedFields): boolean {
    const { status, isCloseDelimited } = this;
    try {
      const fields = this.#options.toResponseFields(parsed, this);
      this.#options.response.start({ status, fields, isCloseDelimited });
      return true;
    } catch (error) {
      this.status = 0;
      this.abort(toFault(error));
      return false;
    }
  }

  #headIsThere(): void {
    this.#options.deadlines.remove(this);
    const settle = this.#settleHead;
    this.#settleHead = undefined;
    settle?.(this);
  }

  #end(): void {
    this.isEnded = true;
    this.endpoint.inFlight -= 1;
    this.#takeOffCancellation();
    if (this.#controller === undefined) this.#feed?.destroy();
    this.#settleEnd?.();
  }
}

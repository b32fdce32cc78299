import type { Fault } from '@tidegate/fault';
import type { Cancellation, Exchange, Peer, RequestBody, RequestHead, ResponseSink } from '@tidegate/pipeline';
import type { Endpoint, UpstreamCall } from '@tidegate/proxy';
import type { Destination } from './snapshot.js';

/** What an exchange is made of, whichever link it came by. */
export interface EgressExchangeParts {
  readonly head: RequestHead;
  readonly body: RequestBody;
  readonly response: ResponseSink;
  readonly cancellation: Cancellation;
  readonly peer: Peer;
  readonly arrivedAtMs: number;
  readonly arrivedAtMonotonicMs: number;
}

/** One request inside the egress gateway. */
export class EgressExchange implements Exchange {
  readonly head: RequestHead;
  readonly body: RequestBody;
  readonly response: ResponseSink;
  readonly cancellation: Cancellation;
  readonly peer: Peer;
  readonly arrivedAtMs: number;
  readonly arrivedAtMonotonicMs: number;
  readonly stageEnteredAtMs: number[] = [];
  /** Written by identifyRequest. */
  requestId = '';
  traceId = '';
  deadlineAtMs = Number.POSITIVE_INFINITY;
  /** Larger request bodies: 413; null: no limit. Set by the in-process link, over the network ingress sees to it. */
  bodyBytesMax: number | null = null;
  /** Written by rescueErrors. */
  fault: Fault | undefined = undefined;
  /** Written by resolveDestination. */
  destination: Destination | undefined = undefined;
  /** Attempts so far; written by forwardToService. */
  attempts = 0;
  /** Endpoints of earlier attempts; written by retryIdempotent. */
  tried: Endpoint[] | undefined = undefined;
  /** Statuses this attempt throws away, to try again; written by retryIdempotent. */
  discardStatuses: readonly number[] = [];
  /** The last attempt; written by forwardToService. */
  call: UpstreamCall | undefined = undefined;

  constructor(parts: EgressExchangeParts) {
    this.head = parts.head;
    this.body = parts.body;
    this.response = parts.response;
    this.cancellation = parts.cancellation;
    this.peer = parts.peer;
    this.arrivedAtMs = parts.arrivedAtMs;
    this.arrivedAtMonotonicMs = parts.arrivedAtMonotonicMs;
  }
}

import type { Fault } from '@tidegate/fault';
import type { Cancellation, Exchange, Peer, RequestBody, RequestHead, ResponseSink } from '@tidegate/pipeline';

/** What an exchange begins with: from a socket, or in one process from the tier before (gateway/U10). */
export interface ExchangeParts {
  readonly head: RequestHead;
  readonly body: RequestBody;
  readonly response: ResponseSink;
  readonly cancellation: Cancellation;
  readonly peer: Peer;
  readonly arrivedAtMs: number;
  readonly arrivedAtMonotonicMs: number;
}

/** The fields every tier's exchange has; an app extends it with those its own stages write. */
export class HttpExchange implements Exchange {
  head: RequestHead;
  body: RequestBody;
  response: ResponseSink;
  readonly cancellation: Cancellation;
  readonly peer: Peer;
  readonly arrivedAtMs: number;
  readonly arrivedAtMonotonicMs: number;
  requestId = '';
  traceId = '';
  /** Our own span, 16 hex digits; written by identifyRequest. */
  spanId = '';
  /** The caller's wish to record the trace; written by identifyRequest. */
  isSampled = false;
  deadlineAtMs = Number.POSITIVE_INFINITY;
  /** Its bodies may be slow and long; written by the stage that knows the route (gateway/H7). */
  isStreaming = false;
  /** What ended the exchange, if something did; written by rescueErrors. */
  fault: Fault | undefined = undefined;

  constructor(parts: ExchangeParts) {
    this.head = parts.head;
    this.body = parts.body;
    this.response = parts.response;
    this.cancellation = parts.cancellation;
    this.peer = parts.peer;
    this.arrivedAtMs = parts.arrivedAtMs;
    this.arrivedAtMonotonicMs = parts.arrivedAtMonotonicMs;
  }

  /** Body bytes taken off the wire so far. */
  get requestBytes(): number {
    return this.body.bytesReceived ?? 0;
  }
}

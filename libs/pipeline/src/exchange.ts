import type { Readable } from 'node:stream';
import type { Fault } from '@tidegate/fault';
import type { Cancellation } from './cancellation.js';
import type { Fields } from './fields.js';

/** A request's head as the stages see it: framing checked, reserved fields dropped, target normalised (gateway/H1, H5, R3). */
export interface RequestHead {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Host and port as the client named them, lower case; '' in HTTP/1.0 without Host. */
  readonly authority: string;
  /** Normalised path, always starting with '/' ('*' for OPTIONS *). */
  readonly path: string;
  /** Normalised query with its '?', or ''. */
  readonly query: string;
  readonly httpVersion: '1.0' | '1.1';
  fields: Fields;
}

/** A request's body: nothing is read before someone reads `stream`. */
export interface RequestBody {
  /** Null: the request has none. */
  readonly stream: Readable | null;
  /** Content-Length; null when chunked; 0 without a body. */
  readonly bytesAnnounced: number | null;
  /** Bytes of it received so far, where the body comes off a socket. */
  readonly bytesReceived?: number;
  /** Says that the body is wanted now: answers `Expect: 100-continue` if the client waits for it (gateway/H8). */
  wanted(): void;
}

/** Head of a final response. */
export interface ResponseHead {
  readonly status: number;
  readonly fields: Fields;
  /** How the body is framed towards the client is the sink's business; this says whether its end can be trusted (gateway/H9). */
  readonly isCloseDelimited?: boolean;
}

/**
 * Where an exchange's answer goes: a client's socket, or in one process the sink of the tier before (gateway/U10).
 * Order: informational*, start, write*, then end or abort.
 */
export interface ResponseSink {
  /** The final head is on its way: no other answer can be given. */
  readonly isStarted: boolean;
  /** end or abort was called, or the client is gone. */
  readonly isFinished: boolean;
  /** Status of the started head, 0 before. */
  readonly status: number;
  /** Body bytes accepted so far. */
  readonly bodyBytes: number;
  /** Why it was aborted, once it was. */
  readonly abortReason?: Fault | undefined;
  /** A 103, or another 1xx a tier wants to pass. Never throws. */
  informational(status: number, fields: Fields): void;
  start(head: ResponseHead): void;
  /** False: wait for onDrain before the next write. */
  write(chunk: Uint8Array): boolean;
  /** Called once, when writing may go on (also when the sink is finished meanwhile). */
  onDrain(listener: () => void): void;
  end(trailers?: Fields): void;
  /** The message ends as an error, never as a complete one. */
  abort(reason: Fault): void;
}

/** Who sits at the other end of the socket. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  /** Name of the listener it came in by: public, replay, egress. */
  readonly listener: string;
}

/** One request and its answer inside a gateway. Apps extend it; each field beyond these is written by one stage. */
export interface Exchange {
  readonly head: RequestHead;
  readonly body: RequestBody;
  readonly response: ResponseSink;
  readonly cancellation: Cancellation;
  readonly peer: Peer;
  /** When the head was complete: milliseconds since the epoch, and on the monotonic clock. */
  readonly arrivedAtMs: number;
  readonly arrivedAtMonotonicMs: number;
  /** Written by identifyRequest. */
  requestId: string;
  /** 32 hex digits of W3C trace context; written by identifyRequest. */
  traceId: string;
  /** Monotonic ms at which the answer's head must be there; written by identifyRequest, only ever lowered after. */
  deadlineAtMs: number;
}

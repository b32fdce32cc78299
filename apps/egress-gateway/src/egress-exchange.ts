import { HttpExchange, type Endpoint, type UpstreamCall } from '@tidegate/proxy';
import type { Destination } from './snapshot.js';

/** One request inside the egress gateway, whichever link it came by. */
export class EgressExchange extends HttpExchange {
  /** Larger request bodies: 413; null: no limit. Set by the in-process link; over the network ingress sees to it. */
  bodyBytesMax: number | null = null;
  /** What ingress allows, monotonic ms. Set by the in-process link; over the network it is a field, read by identifyRequest. */
  linkDeadlineAtMs = Number.POSITIVE_INFINITY;
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
}

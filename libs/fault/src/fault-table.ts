/** One row of the closed table: what a fault code means on every surface. */
export interface FaultRow {
  /** HTTP status (RFC 9110 section 15; 499 never leaves the process, it is what a log says of a client that left). */
  readonly status: number;
  /** gRPC status code (grpc/doc/statuscodes.md). */
  readonly grpcStatus: number;
  readonly title: string;
  /** Public text: says what the client can do, never a host name, a stack or a peer's text. */
  readonly detail: string;
  /** Whether the same request may succeed later without a change. */
  readonly retryable: boolean;
}

// The parameters are the columns of the table below.
// oxlint-disable-next-line eslint/max-params
const row = (status: number, grpcStatus: number, title: string, detail: string, retryable = false): FaultRow => ({
  status,
  grpcStatus,
  title,
  detail,
  retryable,
});

/** Every fault a gateway or the limiter can raise. The README, the specs and the stage tables follow this one. */
export const faultTable = {
  'bad-request': row(400, 3, 'Bad request', 'The request is not valid HTTP.'),
  'version-not-supported': row(505, 12, 'HTTP version not supported', 'Use HTTP/1.1.'),
  'uri-too-long': row(414, 3, 'URI too long', 'The request line is longer than this gateway accepts.'),
  'expectation-failed': row(417, 3, 'Expectation failed', 'Only "Expect: 100-continue" is understood.'),
  'fields-too-large': row(431, 8, 'Request header fields too large', 'Send fewer or shorter header fields.'),
  'request-timeout': row(408, 4, 'Request timeout', 'The request arrived too slowly.', true),
  'loop-detected': row(508, 9, 'Loop detected', 'The request has passed this gateway before.'),
  'not-found': row(404, 5, 'Not found', 'No route matches this request.'),
  'method-not-allowed': row(405, 12, 'Method not allowed', 'This path does not take this method; see Allow.'),
  'invalid-credentials-combination': row(400, 3, 'Invalid credentials', 'Send one credential, once.'),
  unauthenticated: row(401, 16, 'Authentication required', 'Send a credential; see WWW-Authenticate.'),
  'invalid-token': row(401, 16, 'Invalid credential', 'The credential is not valid; see WWW-Authenticate.'),
  'insufficient-scope': row(403, 7, 'Insufficient scope', 'The credential does not carry a scope this route requires.'),
  forbidden: row(403, 7, 'Forbidden', 'This principal may not use this route.'),
  'quota-exceeded': row(429, 8, 'Quota exceeded', 'The limit is used up; see Retry-After.', true),
  'abnormal-usage-detected': row(429, 8, 'Abnormal usage detected', 'The limit was tightened for unusual traffic.', true),
  'temporary-reduced-capacity': row(429, 8, 'Temporarily reduced capacity', 'Limits are reduced for a while.', true),
  'limiter-unavailable': row(503, 14, 'Rate limiter unavailable', 'The request could not be checked; try again.', true),
  'not-in-cache': row(504, 5, 'Not in cache', 'Only a cached answer was asked for and there is none.'),
  'body-too-large': row(413, 8, 'Content too large', 'The body is larger than this route accepts.'),
  'caller-not-allowed': row(403, 7, 'Caller not allowed', 'Only the ingress gateway may call here.'),
  'upstream-unavailable': row(503, 14, 'Upstream unavailable', 'No upstream can take the request now.', true),
  'upstream-overloaded': row(503, 14, 'Upstream overloaded', 'The upstream takes no more requests now.', true),
  'upstream-unreachable': row(502, 14, 'Upstream unreachable', 'The upstream could not be reached.', true),
  'upstream-bad-response': row(502, 14, 'Bad upstream response', 'The upstream did not answer in valid HTTP.'),
  'upstream-timeout': row(504, 4, 'Upstream timeout', 'The upstream did not answer in time.', true),
  'mesh-denied': row(502, 14, 'Upstream unreachable', 'The upstream could not be reached.'),
  'mesh-no-route': row(502, 14, 'Upstream unreachable', 'The upstream could not be reached.'),
  'client-closed': row(499, 1, 'Client closed request', 'The client left before the answer.'),
  internal: row(500, 13, 'Internal error', 'Something broke here; the request id finds it in our log.'),
  draining: row(503, 14, 'Draining', 'This instance is stopping; try again.', true),
} as const satisfies Record<string, FaultRow>;

/** A code of the closed table. */
export type FaultCode = keyof typeof faultTable;

/** All codes, in table order. */
export const faultCodes = Object.keys(faultTable) as FaultCode[];

import { Fault } from '@tidegate/fault';
import type { Cancellation, RequestBody, RequestHead, ResponseSink } from '@tidegate/pipeline';
import type { Clock } from '@tidegate/units';
import { reservedFields } from '../reserved-fields.js';
import { DeadlineWheel } from './deadline-wheel.js';
import { dispatchUpstream } from './dispatch-upstream.js';
import { Endpoint } from './endpoint.js';
import { streamIdleMs } from './services-schema.js';
import { pickEndpoint } from './pick-endpoint.js';
import { mayRetry } from './may-retry.js';
import { toRequestFields, toResponseFields } from './upstream-fields.js';
import type { ParsedFields } from './response-framing.js';
import type { UpstreamCall } from './upstream-call.js';
import type { UpstreamFailure } from './upstream-failure.js';

/**
 * One request on its way from ingress to egress. The head's fields hold what ingress says to egress as well:
 * `x-tidegate-route`, `-token`, `-principal`, `x-request-id`, `traceparent`; added after the client's hop-by-hop fields
 * were dropped. The answer's fields hold `x-tidegate-egress`, for ingress to read and remove.
 */
export interface EgressCall {
  readonly head: RequestHead;
  readonly body: RequestBody;
  readonly response: ResponseSink;
  readonly cancellation: Cancellation;
  /** Monotonic ms at which the answer's head must be there; egress is told the time that is left. */
  readonly deadlineAtMs: number;
  /** The route is for long-lived bodies: they may be silent for five minutes (gateway/H7). */
  readonly streaming: boolean;
  /** Larger request bodies: 413; null: no limit. */
  readonly bodyBytesMax: number | null;
}

/** The way from ingress to egress: over the network, or in one process (gateway/U10). */
export interface EgressLink {
  /**
   * Resolves when the answer ended or was aborted.
   * @throws Fault when it failed before the answer's head was started: nobody has answered yet
   */
  forward(call: EgressCall): Promise<void>;
  /** Finishes what is in flight. */
  close(): Promise<void>;
}

export interface NetworkEgressLinkOptions {
  /** Origins of the egress gateways, such as http://127.0.0.1:8090. */
  readonly targets: readonly string[];
  readonly clock: Clock;
  /** In [0, 1); default Math.random. */
  readonly random?: () => number;
}

/** End of an `x-tidegate-egress` field: the body's end cannot be told from a cut. */
export const endUncertain = ';c=unknown';

/** How much longer ingress waits than egress may take, so that egress's own 504 arrives, ms. */
const graceMs = 250;
const connectTimeoutMs = 1_000;
/** Egress ends silent bodies itself, after five minutes at most; this is for an egress gateway that has frozen. */
const bodyIdleMs = streamIdleMs + 10_000;
const outlier = { consecutiveErrors: 5, ejectForMs: 1_000 };

/** The link over HTTP/1.1. A request that could not be sent to one egress gateway goes to another (gateway/U5). */
export function createNetworkEgressLink({ targets, clock, random = Math.random }: NetworkEgressLinkOptions): EgressLink {
  const deadlines = new DeadlineWheel(clock);
  const endpoints = targets.map((origin) => new Endpoint({ origin, connectTimeoutMs, outlier, clock, circuit: null }));
  const attemptsMax = Math.max(2, endpoints.length);
  const dispatch = (endpoint: Endpoint, call: EgressCall): UpstreamCall => {
    const leftMs = Math.max(1, Math.floor(call.deadlineAtMs - clock.monotonicMs()));
    const { fields, isTrailersWanted } = toRequestFields(call.head.fields, call.body, true);
    fields.push(reservedFields.deadline, String(leftMs));
    if (call.head.authority !== '') fields.push('host', call.head.authority);
    return dispatchUpstream(endpoint, {
      head: call.head,
      fields,
      body: call.body,
      response: call.response,
      cancellation: call.cancellation,
      deadlineAtMs: call.deadlineAtMs + graceMs,
      bodyBytesMax: call.bodyBytesMax,
      bodyIdleMs,
      deadlines,
      clock,
      discardStatuses: none,
      isTrailersWanted,
      toResponseFields: keepReserved,
      isEndUncertain: saysEndUncertain,
    });
  };

  const forward = async (call: EgressCall): Promise<void> => {
    let tried: Endpoint[] | undefined;
    for (;;) {
      const endpoint = pickEndpoint(endpoints, { nowMs: clock.monotonicMs(), tried, random });
      if (endpoint === undefined) throw new Fault('upstream-unavailable', 'no egress gateway is configured');
      const failure = await settle(dispatch(endpoint, call), clock);
      if (failure === undefined) return;
      tried = [...(tried ?? []), endpoint];
      if (!mayRetry(failure.stage, call.head.method, call.body) || tried.length >= attemptsMax) throw failure.fault;
    }
  };
  const close = async (): Promise<void> => {
    await Promise.all(endpoints.map((endpoint) => endpoint.close()));
    deadlines.close();
  };
  return { forward, close };
}

const none: readonly number[] = [];
const keepReserved = (parsed: ParsedFields) => toResponseFields(parsed, true);

/** Egress read a close-delimited body: its own framing says nothing of the end (gateway/H9). */
function saysEndUncertain(parsed: ParsedFields): boolean {
  const report = parsed[reservedFields.egress];
  return typeof report === 'string' && report.endsWith(endUncertain);
}

async function settle(call: UpstreamCall, clock: Clock): Promise<UpstreamFailure | undefined> {
  const { endpoint } = await call.head;
  if (call.failure === undefined) {
    endpoint.sample(call.waitMs, clock.monotonicMs());
    endpoint.succeeded();
    await call.whenEnded();
  } else if (call.failure.stage !== 'ended' && endpoint.failed()) endpoint.eject();
  return call.failure;
}

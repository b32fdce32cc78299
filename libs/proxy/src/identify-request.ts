import { randomFillSync } from 'node:crypto';
import { newSpanId, newTraceId, parseTraceparent } from '@tidegate/observability';
import { fieldValue, type Exchange, type Stage } from '@tidegate/pipeline';
import { reservedFields } from './reserved-fields.js';

/** An exchange with the fields identifyRequest writes. */
export interface IdentifiedExchange extends Exchange {
  spanId: string;
  isSampled: boolean;
}

/** Longest any request may take to the head of its answer, ms; the route's or the service's timeout is shorter. */
const longestMs = 3_600_000;

export interface IdentifyRequestOptions {
  /** Time from arrival to the answer's head, ms; later stages only lower it. Default: an hour. */
  readonly deadlineMs?: number;
  /** True: the peer may name the request (x-request-id) and its deadline (x-tidegate-deadline): a trusted proxy, or ingress. */
  readonly isTrustedPeer?: (exchange: Exchange) => boolean;
}

const requestIdShape = /^[A-Za-z0-9._-]{1,64}$/;

/** Gives every exchange its request id, trace and deadline (gateway/H5, H7). Cannot fail. */
export function identifyRequest<E extends IdentifiedExchange>(options: IdentifyRequestOptions): Stage<E> {
  const { deadlineMs = longestMs, isTrustedPeer = () => false } = options;
  return function identifyRequest(exchange, next) {
    const { fields } = exchange.head;
    const isTrusted = isTrustedPeer(exchange);
    const given = isTrusted ? fieldValue(fields, 'x-request-id') : undefined;
    exchange.requestId = given !== undefined && requestIdShape.test(given) ? given : newRequestId();
    const trace = parseTraceparent(fieldValue(fields, 'traceparent'));
    exchange.traceId = trace?.traceId ?? newTraceId();
    exchange.spanId = newSpanId();
    exchange.isSampled = trace?.isSampled ?? false;
    const leftMs = isTrusted ? parseLeftMs(fieldValue(fields, reservedFields.deadline)) : undefined;
    exchange.deadlineAtMs = exchange.arrivedAtMonotonicMs + Math.min(deadlineMs, leftMs ?? deadlineMs);
    return next();
  };
}

function parseLeftMs(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

const requestIdBytes = 12;
// Filled in one go: a system call per id would cost more than the id is worth.
const pool = Buffer.allocUnsafe(500 * requestIdBytes);
let used = pool.length;

/** 12 random bytes in 16 letters, digits, `-` and `_`. */
export function newRequestId(): string {
  if (used >= pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += requestIdBytes;
  return pool.toString('base64url', used - requestIdBytes, used);
}

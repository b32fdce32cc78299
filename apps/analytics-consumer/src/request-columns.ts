import type { Event, RequestEvent } from '@tidegate/grpc';
import { IdBuffer, NumberBuffer, TextBuffer, WideNumberBuffer, type ColumnBuffer } from './column-buffers.js';
import { writeTraceId, writeUlid } from './ids.js';

/** A request event on its way into the raw window. */
export interface RequestRow {
  readonly event: Event;
  readonly request: RequestEvent;
  /** Event time, after clamping. */
  readonly atUs: number;
  readonly shape: number;
}

const textLengthMax = 512;

/**
 * The raw window: what differs from request to request, in table order. Everything that repeats is in `shapes`, and ids are
 * kept as 128 bits, because a text costs far more to append than a number.
 */
export const requestBuffers = {
  at_us: new WideNumberBuffer(),
  minute: new NumberBuffer('int32'),
  shape: new NumberBuffer('int32'),
  principal: new TextBuffer(textLengthMax),
  duration_us: new NumberBuffer('uint32'),
  request_bytes: new WideNumberBuffer(),
  response_bytes: new WideNumberBuffer(),
  authenticate_us: new NumberBuffer('uint32'),
  limit_us: new NumberBuffer('uint32'),
  egress_head_us: new NumberBuffer('uint32'),
  upstream_head_us: new NumberBuffer('uint32'),
  adjustment_percent: new NumberBuffer('uint16'),
  id: new IdBuffer(writeUlid),
  // NULL where it is the event's own id.
  request_id: new TextBuffer(textLengthMax),
  trace_id: new IdBuffer(writeTraceId),
  // NULL where the principal says it.
  client_address: new TextBuffer(64),
  header_fingerprint: new TextBuffer(64),
  consumer: new TextBuffer(textLengthMax),
  decision_id: new TextBuffer(64),
  resource_ids: new TextBuffer(textLengthMax),
  // The transaction that wrote the row.
  flush: new NumberBuffer('int32'),
} satisfies Readonly<Record<string, ColumnBuffer>>;

/** Fills one row of the buffers. */
export function setRequestRow(row: number, { event, request, atUs, shape }: RequestRow, flush: number): void {
  const b = requestBuffers;
  b.at_us.set(row, atUs);
  b.minute.set(row, Math.floor(atUs / 60_000_000));
  b.shape.set(row, shape);
  b.principal.set(row, request.principal === '' ? '-' : request.principal);
  b.duration_us.set(row, request.durationUs);
  b.request_bytes.set(row, request.requestBytes);
  b.response_bytes.set(row, request.responseBytes);
  b.authenticate_us.set(row, request.stages?.authenticateUs ?? 0);
  b.limit_us.set(row, request.stages?.limitUs ?? 0);
  b.egress_head_us.set(row, request.stages?.egressHeadUs ?? 0);
  b.upstream_head_us.set(row, request.stages?.upstreamHeadUs ?? 0);
  b.adjustment_percent.set(row, request.adjustmentPercent);
  const hasUlid = b.id.set(row, event.id);
  b.request_id.set(row, hasUlid && request.requestId === event.id ? '' : request.requestId);
  b.trace_id.set(row, request.traceId);
  b.client_address.set(row, isAddressPrincipal(request) ? '' : request.clientAddress);
  b.header_fingerprint.set(row, request.headerFingerprint);
  b.consumer.set(row, request.consumer);
  b.decision_id.set(row, request.decisionId);
  b.resource_ids.set(row, request.resourceIds.length === 0 ? '' : request.resourceIds.join('/'));
  b.flush.set(row, flush);
}

const addressPrefix = 'address:';

function isAddressPrincipal({ principal, clientAddress }: RequestEvent): boolean {
  return principal.length === addressPrefix.length + clientAddress.length && principal.startsWith(addressPrefix) && principal.endsWith(clientAddress);
}

import { fromUlid, toUlid } from '../ids.js';
import { Conditions } from './conditions.js';
import { parseTimeMs, toMinuteRange, type Parameters } from './parameters.js';
import type { Readers, Row } from './readers.js';

/** One page of events, newest first. */
export interface EventPage {
  readonly items: readonly Readonly<Record<string, unknown>>[];
  /** `cursor` of the next page; null on the last. */
  readonly next: string | null;
}

type EventQuery = Omit<Parameters<'events'>, 'format'>;

/** Events of a kind from the raw window, with filters, a page at a time. */
export async function queryEvents(readers: Readers, query: EventQuery, nowMs: number): Promise<EventPage> {
  const range = toMinuteRange(query, nowMs);
  const fromUs = (parseTimeMs(query.from, nowMs) ?? 0) * 1_000;
  const toUs = (parseTimeMs(query.to, nowMs) ?? 0) * 1_000;
  const where = new Conditions().add('at_us >= ?', BigInt(fromUs)).add('at_us <= ?', BigInt(toUs));
  const isRequest = query.kind === 'request';
  if (isRequest) addRequestFilters(where.minutes(range), query);
  else where.equals('kind', query.kind);
  if (query.cursor !== undefined) {
    addCursor(where, query.cursor, isRequest);
  }
  const from = isRequest ? 'requests JOIN shapes USING (shape)' : 'other_events';
  const rows = await readers.rows(`SELECT * FROM ${from} ${where.sql} ORDER BY at_us DESC, id DESC NULLS LAST LIMIT ${query.pageSize + 1}`, where.values);
  const page = rows.slice(0, query.pageSize);
  const last = page.at(-1);
  return {
    items: page.map(isRequest ? toRequestItem : toOtherItem),
    next: rows.length > query.pageSize && last !== undefined ? `${String(last['at_us'])}-${isRequest ? idOf(last) : String(last['id'])}` : null,
  };
}

function addRequestFilters(where: Conditions, query: EventQuery): void {
  where
    .equals('route', query.route)
    .equals('service', query.service)
    .equals('principal', query.client)
    .equals('method', query.method)
    .equals('policy', query.policy)
    .equals('bound_limit', query.limit)
    .equals('denied', query.denied === undefined ? undefined : query.denied === 'true')
    .status(query.status);
  if (query.requestId !== undefined) addRequestId(where, query.requestId);
  if (query.requestIdPrefix !== undefined) addRequestIdPrefix(where, query.requestIdPrefix);
}

/** Where the page before ended. An event without a ULID sorts as the lowest. */
function addCursor(where: Conditions, cursor: string, isRequest: boolean): void {
  const split = cursor.indexOf('-');
  const atUs = BigInt(cursor.slice(0, split));
  const id = cursor.slice(split + 1);
  if (!isRequest) where.add('(at_us, id) < (?, ?)', atUs, id);
  else where.add(`(at_us, coalesce(id, '${lowestId}'::UUID)) < (?, ?::UUID)`, atUs, fromUlid(id) ?? lowestId);
}

/** A request's id is the event's, and then not kept twice, unless its sender chose it. */
function addRequestId(where: Conditions, requestId: string): void {
  const id = fromUlid(requestId);
  if (id === undefined) where.add('request_id = ?', requestId);
  else where.add('(request_id = ? OR (request_id IS NULL AND id = ?::UUID))', requestId, id);
}

function addRequestIdPrefix(where: Conditions, prefix: string): void {
  const low = fromUlid(prefix.padEnd(26, '0'));
  const high = fromUlid(prefix.padEnd(26, 'Z'));
  if (low === undefined || high === undefined) where.add('starts_with(request_id, ?)', prefix);
  else where.add('(starts_with(request_id, ?) OR (request_id IS NULL AND id BETWEEN ?::UUID AND ?::UUID))', prefix, low, high);
}

const lowestId = '00000000-0000-0000-0000-000000000000';

const idOf = (row: Row): string => (typeof row['id'] === 'string' ? toUlid(row['id']) : '');

const atText = (row: Row): string => new Date(Number(row['at_us']) / 1_000).toISOString();

function toRequestItem(row: Row): Readonly<Record<string, unknown>> {
  const principal = String(row['principal']);
  const id = idOf(row);
  return {
    kind: 'request',
    id,
    at: atText(row),
    requestId: row['request_id'] ?? id,
    traceId: String(row['trace_id'] ?? '').replaceAll('-', ''),
    route: row['route'],
    service: row['service'],
    pathTemplate: row['path_template'],
    resourceIds: row['resource_ids'] === null ? [] : String(row['resource_ids']).split('/'),
    method: row['method'],
    status: row['status'],
    faultCode: row['fault_code'],
    principal,
    principalKind: row['principal_kind'],
    consumer: row['consumer'] ?? '',
    plan: row['plan'],
    authenticationClass: row['authentication_class'],
    clientAddress: row['client_address'] ?? (principal.startsWith('address:') ? principal.slice('address:'.length) : ''),
    headerFingerprint: row['header_fingerprint'] ?? '',
    policy: row['policy'],
    limit: row['bound_limit'],
    decisionId: row['decision_id'] ?? '',
    decisionReason: row['decision_reason'],
    denied: row['denied'],
    degraded: row['degraded'],
    adjustmentPercent: row['adjustment_percent'],
    durationMs: Number(row['duration_us']) / 1_000,
    stagesMs: {
      authenticate: Number(row['authenticate_us']) / 1_000,
      limit: Number(row['limit_us']) / 1_000,
      egressHead: Number(row['egress_head_us']) / 1_000,
      upstreamHead: Number(row['upstream_head_us']) / 1_000,
    },
    requestBytes: Number(row['request_bytes']),
    responseBytes: Number(row['response_bytes']),
    completion: row['completion'],
    cacheState: row['cache_state'],
    breakerState: row['breaker_state'],
    upstream: row['upstream'],
    attempts: row['attempts'],
    app: row['app'],
    instance: row['instance'],
    configVersion: row['config_version'],
  };
}

function toOtherItem(row: Row): Readonly<Record<string, unknown>> {
  return {
    kind: row['kind'],
    id: row['id'],
    at: atText(row),
    app: row['app'],
    instance: row['instance'],
    configVersion: row['config_version'],
    detail: JSON.parse(String(row['detail'])) as unknown,
  };
}

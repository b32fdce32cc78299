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
    const [atUs = '0', ...id] = query.cursor.split('-');
    where.add('(at_us, id) < (?, ?)', BigInt(atUs), id.join('-'));
  }
  const from = isRequest ? 'requests JOIN shapes USING (shape)' : 'other_events';
  const rows = await readers.rows(`SELECT * FROM ${from} ${where.sql} ORDER BY at_us DESC, id DESC LIMIT ${query.pageSize + 1}`, where.values);
  const page = rows.slice(0, query.pageSize);
  const last = page.at(-1);
  return {
    items: page.map(isRequest ? toRequestItem : toOtherItem),
    next: rows.length > query.pageSize && last !== undefined ? `${String(last['at_us'])}-${String(last['id'])}` : null,
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
    .status(query.status)
    .equals('coalesce(request_id, id)', query.requestId);
  if (query.requestIdPrefix !== undefined) where.add('starts_with(coalesce(request_id, id), ?)', query.requestIdPrefix);
}

const atText = (row: Row): string => new Date(Number(row['at_us']) / 1_000).toISOString();

function toRequestItem(row: Row): Readonly<Record<string, unknown>> {
  const principal = String(row['principal']);
  return {
    kind: 'request',
    id: row['id'],
    at: atText(row),
    requestId: row['request_id'] ?? row['id'],
    traceId: row['trace_id'] ?? '',
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
    replayLine: Number(row['replay_line']),
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

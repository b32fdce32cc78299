import { BIGINT, INTEGER, UINTEGER, USMALLINT, VARCHAR, type DuckDBType, type DuckDBValue } from '@duckdb/node-api';
import { BodyCompletion, type Event, type RequestEvent } from '@tidegate/grpc';

/** A request event on its way into the raw window. */
export interface RequestRow {
  readonly event: Event;
  readonly request: RequestEvent;
  /** Event time, after clamping. */
  readonly atUs: number;
  readonly shape: number;
}

/** One column of the raw window and how it is filled. */
interface Column {
  readonly name: string;
  readonly type: DuckDBType;
  readonly value: (row: RequestRow) => DuckDBValue;
}

const uintMax = 2 ** 32 - 1;
const textLengthMax = 512;

const toUint = (value: number): number => (value > 0 ? Math.min(uintMax, Math.trunc(value)) : 0);
const toBigint = (value: number): bigint => (value > 0 && Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n);
/** Empty texts are NULL: they cost nothing to append and to keep. */
const toText = (value: string): string | null =>
  value === '' ? null : value.length > textLengthMax ? value.slice(0, textLengthMax) : value;

/** Text of the principal; a request without one is counted as `-`. */
export const principalOf = (request: RequestEvent): string => toText(request.principal) ?? '-';

/**
 * The raw window: what differs from request to request. Everything that repeats is in `shapes`, because a text costs far more
 * to append than a number.
 */
export const requestColumns: readonly Column[] = [
  { name: 'at_us', type: BIGINT, value: (row) => toBigint(row.atUs) },
  { name: 'minute', type: INTEGER, value: (row) => Math.floor(row.atUs / 60_000_000) },
  { name: 'shape', type: INTEGER, value: (row) => row.shape },
  { name: 'principal', type: VARCHAR, value: (row) => principalOf(row.request) },
  { name: 'duration_us', type: UINTEGER, value: (row) => toUint(row.request.durationUs) },
  { name: 'request_bytes', type: BIGINT, value: (row) => toBigint(row.request.requestBytes) },
  { name: 'response_bytes', type: BIGINT, value: (row) => toBigint(row.request.responseBytes) },
  { name: 'authenticate_us', type: UINTEGER, value: (row) => toUint(row.request.stages?.authenticateUs ?? 0) },
  { name: 'limit_us', type: UINTEGER, value: (row) => toUint(row.request.stages?.limitUs ?? 0) },
  { name: 'egress_head_us', type: UINTEGER, value: (row) => toUint(row.request.stages?.egressHeadUs ?? 0) },
  { name: 'upstream_head_us', type: UINTEGER, value: (row) => toUint(row.request.stages?.upstreamHeadUs ?? 0) },
  { name: 'adjustment_percent', type: USMALLINT, value: (row) => Math.min(65_535, toUint(row.request.adjustmentPercent)) },
  { name: 'replay_line', type: BIGINT, value: (row) => toBigint(row.request.replayLine) },
  { name: 'id', type: VARCHAR, value: (row) => row.event.id },
  // NULL where it is the event's own id.
  { name: 'request_id', type: VARCHAR, value: ({ event, request }) => (request.requestId === event.id ? null : toText(request.requestId)) },
  { name: 'trace_id', type: VARCHAR, value: (row) => toText(row.request.traceId) },
  // NULL where the principal says it.
  { name: 'client_address', type: VARCHAR, value: ({ request }) => (isAddressPrincipal(request) ? null : toText(request.clientAddress)) },
  { name: 'header_fingerprint', type: VARCHAR, value: (row) => toText(row.request.headerFingerprint) },
  { name: 'consumer', type: VARCHAR, value: (row) => toText(row.request.consumer) },
  { name: 'decision_id', type: VARCHAR, value: (row) => toText(row.request.decisionId) },
  { name: 'resource_ids', type: VARCHAR, value: (row) => (row.request.resourceIds.length === 0 ? null : toText(row.request.resourceIds.join('/'))) },
];

const addressPrefix = 'address:';

function isAddressPrincipal({ principal, clientAddress }: RequestEvent): boolean {
  return principal.length === addressPrefix.length + clientAddress.length && principal.startsWith(addressPrefix) && principal.endsWith(clientAddress);
}

/** What repeats from request to request: each combination is kept once and named by a number. */
export interface Shape {
  readonly route: string;
  readonly service: string;
  readonly path_template: string;
  readonly method: string;
  readonly status: number;
  readonly fault_code: string;
  readonly principal_kind: string;
  readonly plan: string;
  readonly authentication_class: string;
  readonly policy: string;
  readonly bound_limit: string;
  readonly decision_reason: number;
  readonly degraded: boolean;
  /** Refused by the limiter. */
  readonly denied: boolean;
  readonly completion: string;
  readonly cache_state: string;
  readonly breaker_state: string;
  readonly upstream: string;
  readonly attempts: number;
  readonly app: string;
  readonly instance: string;
  readonly config_version: string;
}

/** Columns of `shapes` after its number, in table order. */
export const shapeColumns: Readonly<Record<keyof Shape, 'VARCHAR' | 'INTEGER' | 'BOOLEAN'>> = {
  route: 'VARCHAR',
  service: 'VARCHAR',
  path_template: 'VARCHAR',
  method: 'VARCHAR',
  status: 'INTEGER',
  fault_code: 'VARCHAR',
  principal_kind: 'VARCHAR',
  plan: 'VARCHAR',
  authentication_class: 'VARCHAR',
  policy: 'VARCHAR',
  bound_limit: 'VARCHAR',
  decision_reason: 'INTEGER',
  degraded: 'BOOLEAN',
  denied: 'BOOLEAN',
  completion: 'VARCHAR',
  cache_state: 'VARCHAR',
  breaker_state: 'VARCHAR',
  upstream: 'VARCHAR',
  attempts: 'INTEGER',
  app: 'VARCHAR',
  instance: 'VARCHAR',
  config_version: 'VARCHAR',
};

const deniedFaults: ReadonlySet<string> = new Set([
  'quota-exceeded',
  'abnormal-usage-detected',
  'temporary-reduced-capacity',
  'limiter-unavailable',
]);

const completions: Readonly<Record<number, string>> = {
  [BodyCompletion.COMPLETE]: 'complete',
  [BodyCompletion.ABORTED]: 'aborted',
  [BodyCompletion.UNKNOWN]: 'unknown',
};

/** The repeating part of a request event. */
export function toShape(event: Event, request: RequestEvent): Shape {
  return {
    route: request.route === '' ? '-' : request.route,
    service: request.service,
    path_template: request.pathTemplate,
    method: request.method,
    status: request.status,
    fault_code: request.faultCode,
    principal_kind: request.principalKind,
    plan: request.plan,
    authentication_class: request.authenticationClass,
    policy: request.policy,
    bound_limit: request.boundLimit,
    decision_reason: request.decisionReason,
    degraded: request.degraded,
    denied: deniedFaults.has(request.faultCode),
    completion: completions[request.completion] ?? '',
    cache_state: request.cacheState,
    breaker_state: request.breakerState,
    upstream: request.upstream,
    attempts: request.attempts,
    app: event.app,
    instance: event.instance,
    config_version: event.configVersion,
  };
}

/** A text that two request events share exactly when their shapes are equal. */
export function shapeKeyOf(event: Event, r: RequestEvent): string {
  // 0x1F cannot be in a route, a method or any other name; in the rest a collision would need one on purpose.
  return `${r.route}\u001f${r.service}\u001f${r.pathTemplate}\u001f${r.method}\u001f${r.status}\u001f${r.faultCode}\u001f${r.principalKind}\u001f${r.plan}\u001f${r.authenticationClass}\u001f${r.policy}\u001f${r.boundLimit}\u001f${r.decisionReason}\u001f${r.degraded ? 1 : 0}\u001f${r.completion}\u001f${r.cacheState}\u001f${r.breakerState}\u001f${r.upstream}\u001f${r.attempts}\u001f${event.app}\u001f${event.instance}\u001f${event.configVersion}`;
}

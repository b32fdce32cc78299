import { Fault } from '@tidegate/fault';
import { durationMs, parseDurationMs } from '@tidegate/units';
import { z } from 'zod';

const minuteMs = 60_000;
const rangeMsMax = 31 * 86_400_000;
const pointsMax = 1_500;

const timeText = 'expected a time such as 2026-01-31T12:00:00Z, milliseconds since the epoch, now, or now-15m';

const time = () =>
  z.string().max(40).refine((text) => parseTimeMs(text, 0) !== undefined, timeText);

const text = () => z.string().min(1).max(512);
const count = (max: number) => z.coerce.number(`expected a number from 1 to ${max}`).int().min(1).max(max);

/** The time of a parameter in milliseconds, undefined if it is none. */
export function parseTimeMs(value: string, nowMs: number): number | undefined {
  if (value === 'now') return nowMs;
  if (value.startsWith('now-')) {
    const agoMs = parseDurationMs(value.slice(4));
    return agoMs === undefined ? undefined : nowMs - agoMs;
  }
  if (/^\d{10,15}$/.test(value)) return Number(value);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.test(value)) return undefined;
  const parsed = Date.parse(value);
  return Number.isNaN(parsed) ? undefined : parsed;
}

const span = { from: time().default('now-1h'), to: time().default('now') };
const format = { format: z.enum(['json', 'csv']).default('json') };
const status = z.string().regex(/^[1-5](\d\d|xx)$/, 'expected a status such as 404 or a class such as 5xx');
const routeFilters = { route: text().optional(), service: text().optional(), status: status.optional() };
const paging = { pageSize: count(1_000).default(100) };

/** Columns the route table can be grouped by. */
export const groups = ['route', 'service', 'status', 'class'] as const;

/** Kinds of events, as the API names them. */
export const eventKinds = ['request', 'security', 'adjustment', 'breakerChange', 'configChange', 'lifecycle'] as const;

/** Orders of a top list. */
export const sorts = ['requests', 'denied', 'errors'] as const;

/** The parameters of each endpoint. Unknown ones are refused. */
export const parameters = {
  summary: z.strictObject({ ...span, ...routeFilters, group: z.enum(groups).optional(), ...format }),
  series: z.strictObject({ ...span, ...routeFilters, step: durationMs(minuteMs, 31 * 86_400_000).default(minuteMs), group: z.enum(groups).optional(), ...format }),
  top: z.strictObject({
    by: z.enum(['route', 'client', 'limit']),
    sort: z.enum(sorts).default('requests'),
    ...span,
    ...paging,
    cursor: z.coerce.number('expected the `next` of the page before').int().min(0).max(10_000_000).default(0),
    ...format,
  }),
  client: z.strictObject({ ...span, step: durationMs(minuteMs, 31 * 86_400_000).default(minuteMs), ...format }),
  route: z.strictObject({ ...span, step: durationMs(minuteMs, 31 * 86_400_000).default(minuteMs), ...format }),
  events: z.strictObject({
    kind: z.enum(eventKinds).default('request'),
    ...span,
    ...routeFilters,
    client: text().optional(),
    method: z.string().regex(/^[A-Z-]{1,20}$/, 'expected a method such as GET').optional(),
    policy: text().optional(),
    limit: text().optional(),
    denied: z.enum(['true', 'false']).optional(),
    requestId: text().optional(),
    requestIdPrefix: text().optional(),
    ...paging,
    cursor: z.string().regex(/^\d{1,17}-[A-Za-z0-9._-]{0,128}$/, 'expected the `next` of the page before').optional(),
    ...format,
  }),
  replay: z.strictObject({ sent: z.coerce.number('expected the number of requests sent').int().min(0).max(1e12).optional(), format: z.enum(['json']).default('json') }),
} as const;

/** Name of an endpoint. */
export type EndpointName = keyof typeof parameters;

/** The parsed parameters of an endpoint. */
export type Parameters<N extends EndpointName> = z.infer<(typeof parameters)[N]>;

/** Parses query parameters. Throws the fault 400 that lists what is wrong and what is allowed. */
export function parseParameters<N extends EndpointName>(name: N, query: Readonly<Record<string, unknown>>): Parameters<N> {
  const schema = parameters[name];
  const parsed = schema.safeParse(query);
  if (parsed.success) return parsed.data as Parameters<N>;
  const problems = parsed.error.issues.map((issue) => ({ parameter: issue.path.join('.') || ('keys' in issue ? issue.keys.join(', ') : ''), message: issue.message }));
  return refuse(problems, Object.keys(schema.shape));
}

function refuse(problems: readonly { readonly parameter: string; readonly message: string }[], allowed: readonly string[]): never {
  const [first] = problems;
  throw new Fault('bad-request', 'query parameters', {
    detail: `${first?.parameter ?? 'query'}: ${first?.message ?? 'not allowed'}`,
    members: { problems, allowed },
  });
}

/** A span of whole minutes: [fromMinute, toMinute). */
export interface MinuteRange {
  readonly fromMinute: number;
  readonly toMinute: number;
}

/** The whole minutes that a span touches. Throws the fault 400 for an empty or too long one. */
export function toMinuteRange({ from, to }: { readonly from: string; readonly to: string }, nowMs: number): MinuteRange {
  const fromMs = parseTimeMs(from, nowMs) ?? 0;
  const toMs = parseTimeMs(to, nowMs) ?? 0;
  if (fromMs > toMs) refuse([{ parameter: 'from', message: '`from` is after `to`' }], ['from <= to']);
  if (toMs - fromMs > rangeMsMax) refuse([{ parameter: 'from', message: 'at most 31 days in one query' }], ['to - from <= 31d']);
  return { fromMinute: Math.floor(fromMs / minuteMs), toMinute: Math.floor(toMs / minuteMs) + 1 };
}

/** Minutes per point. Throws the fault 400 when the span has too many points or the step is no whole number of minutes. */
export function toStepMinutes(stepMs: number, { fromMinute, toMinute }: MinuteRange): number {
  const stepMinutes = stepMs / minuteMs;
  if (!Number.isInteger(stepMinutes)) refuse([{ parameter: 'step', message: 'expected whole minutes' }], ['1m', '5m', '15m', '1h', '1d']);
  const points = (toMinute - fromMinute) / stepMinutes;
  if (points > pointsMax + 1) {
    const least = Math.ceil((toMinute - fromMinute) / pointsMax);
    refuse([{ parameter: 'step', message: `at most ${pointsMax} points; take a step of at least ${least}m` }], [`step >= ${least}m`]);
  }
  return stepMinutes;
}

/** RFC 3339 text of a minute. */
export const minuteText = (minute: number): string => new Date(minute * minuteMs).toISOString();

import { durationMs, name } from '@tidegate/units';
import { z } from 'zod';

/** When a breaker opens and for how long (gateway/U4). */
export interface BreakerConfig {
  /** Opens at this share of errors or above, 0 to 1. */
  readonly errorRatio: number;
  /** Length of the window the share is taken over. */
  readonly windowMs: number;
  /** Below this many requests in the window it stays closed. */
  readonly minRequests: number;
  readonly openForMs: number;
  /** An answer whose head takes longer counts as an error; null: none does. */
  readonly slowAfterMs: number | null;
}

/** Active health checks (gateway/U3). */
export interface HealthCheckConfig {
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failed checks in a row that take an upstream out. */
  readonly unhealthyAfter: number;
  /** Good checks in a row that bring it back. */
  readonly healthyAfter: number;
}

/** When an upstream that answers badly is left out for a while (gateway/U3). */
export interface OutlierConfig {
  readonly consecutiveErrors: number;
  /** Of the first ejection; the nth lasts n times as long, up to ten times. */
  readonly ejectForMs: number;
}

/** When a failed attempt may be tried again (gateway/U5). */
export interface RetryConfig {
  /** Attempts in all, the first one included. */
  readonly attempts: number;
  /** Statuses that are tried again for GET and HEAD without a body. */
  readonly retryOn: readonly number[];
}

/** One service of `tidegate.yaml`: its upstreams and how they are used. */
export interface ServiceConfig {
  /** Origins, such as http://127.0.0.1:7002. */
  readonly upstreams: readonly string[];
  /** To the head of the answer, unless the route says otherwise. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Longest silence inside a response body, except on `stream: true` routes (see streamIdleMs). */
  readonly bodyIdleMs: number;
  /** Requests in flight to the whole service; more are answered 503. */
  readonly inFlightMax: number;
  readonly retry: RetryConfig;
  readonly breaker: BreakerConfig;
  readonly health: HealthCheckConfig | null;
  readonly outlier: OutlierConfig;
}

/** Longest silence inside a body of a `stream: true` route (gateway/H7). */
export const streamIdleMs = 300_000;

/** An origin: http or https, host, optional port, nothing after it. */
export const originUrl = () =>
  z.string().transform((text, ctx) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const isOrigin = url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:') && url.host !== '';
    if (isOrigin && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '') return url.origin;
    ctx.addIssue({ code: 'custom', message: `expected an origin such as http://127.0.0.1:7002, got "${text}"` });
    return z.NEVER;
  });

const breakerSchema = z
  .strictObject({
    errorRatio: z.number().gt(0).max(1).default(0.5),
    window: durationMs(100, 600_000).default(10_000),
    minRequests: z.int().min(1).max(1_000_000).default(20),
    openFor: durationMs(10, 3_600_000).default(5_000),
    slowAfter: durationMs(1, 3_600_000).optional(),
  })
  .transform(
    ({ window, openFor, slowAfter, ...rest }): BreakerConfig => ({
      ...rest,
      windowMs: window,
      openForMs: openFor,
      slowAfterMs: slowAfter ?? null,
    }),
  );

const healthSchema = z
  .strictObject({
    path: z.string().regex(/^\/[!-~]*$/, 'expected a path that starts with /'),
    interval: durationMs(10, 3_600_000).default(5_000),
    timeout: durationMs(1, 60_000).default(1_000),
    unhealthyAfter: z.int().min(1).max(100).default(3),
    healthyAfter: z.int().min(1).max(100).default(2),
  })
  .transform(
    ({ interval, timeout, ...rest }): HealthCheckConfig => ({ ...rest, intervalMs: interval, timeoutMs: timeout }),
  );

const outlierSchema = z
  .strictObject({
    consecutiveErrors: z.int().min(1).max(1_000).default(5),
    ejectFor: durationMs(10, 3_600_000).default(10_000),
  })
  .transform(({ consecutiveErrors, ejectFor }): OutlierConfig => ({ consecutiveErrors, ejectForMs: ejectFor }));

const retrySchema = z.strictObject({
  attempts: z.int().min(1).max(5).default(2),
  retryOn: z.array(z.union([z.literal(502), z.literal(503), z.literal(504)])).default([]),
});

const serviceSchema = z
  .strictObject({
    upstreams: z
      .array(originUrl())
      .min(1)
      .max(64)
      .refine((origins) => new Set(origins).size === origins.length, 'an upstream stands twice in the list'),
    timeout: durationMs(1, 3_600_000).default(15_000),
    connectTimeout: durationMs(1, 60_000).default(1_000),
    bodyIdle: durationMs(1, 86_400_000).default(30_000),
    inFlightMax: z.int().min(1).max(1_000_000).default(4_096),
    retry: retrySchema.prefault({}),
    breaker: breakerSchema.prefault({}),
    health: healthSchema.optional(),
    outlier: outlierSchema.prefault({}),
  })
  .transform(
    ({ timeout, connectTimeout, bodyIdle, health, ...rest }): ServiceConfig => ({
      ...rest,
      timeoutMs: timeout,
      connectTimeoutMs: connectTimeout,
      bodyIdleMs: bodyIdle,
      health: health ?? null,
    }),
  );

/** Schema of `services` in `tidegate.yaml`: by name. */
export const servicesSchema = z.record(name(), serviceSchema);

/** Services by name. */
export type ServicesConfig = Readonly<Record<string, ServiceConfig>>;

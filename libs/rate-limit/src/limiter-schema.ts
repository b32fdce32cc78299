import { durationMs, name } from '@tidegate/units';
import { z } from 'zod';
import { parseKeyTemplate } from './key-template.js';
import { buildLimitShape } from './limit-shape.js';

/** What a check gets while the store is away (limiter/F1). */
export type StoreFailureMode = 'local' | 'allow' | 'deny';

/** One limit of a policy as the file has it. */
export interface LimitConfig {
  readonly name: string;
  /** Template of the bucket's key, e.g. `{tenant}:{user|anonymous}`. */
  readonly key: string;
  /** Tokens per `perMs`; 0 blocks. */
  readonly rate: number;
  readonly perMs: number;
  readonly burst: number;
  /** A shadow limit is decided and charged but never denies. */
  readonly mode: 'enforce' | 'shadow';
  /** What a token is; a label only. */
  readonly unit: 'requests' | 'content-bytes';
}

/** A named list of limits, decided all or nothing. */
export interface Policy {
  /** Template: whose traffic this is. Decides which buckets share a place in the store (limiter/B9). */
  readonly subject: string;
  readonly onStoreFailure: StoreFailureMode;
  /** Answers carry the bucket's partition (the `pk` parameter of the RateLimit fields). */
  readonly partitionKey: boolean;
  readonly limits: readonly LimitConfig[];
}

/** Where buckets live. */
export type StoreConfig =
  | { readonly kind: 'memory' }
  | { readonly kind: 'redis'; readonly mode: 'single' | 'sentinel'; readonly url: string; readonly timeoutMs: number };

/** The `limiter:` part of tidegate.yaml. */
export interface LimiterConfig {
  readonly store: StoreConfig;
  /** Never divide a limit by fewer than this many replicas in failure mode `local`. */
  readonly replicasMin: number;
  readonly policies: Readonly<Record<string, Policy>>;
}

const limitsMax = 16;
const rateMax = 1e9;
const burstMax = 1e12;
const redisSchemes = { single: ['redis:', 'rediss:'], sentinel: ['redis+sentinel:'] } as const;

const template = () =>
  z.string().superRefine((text, ctx) => {
    const parsed = parseKeyTemplate(text);
    if (typeof parsed === 'string') ctx.addIssue({ code: 'custom', message: parsed });
  });

const limitSchema = z
  .strictObject({
    name: name(),
    key: template(),
    rate: z.int().min(0).max(rateMax),
    per: durationMs(1),
    burst: z.int().min(1).max(burstMax).optional(),
    mode: z.enum(['enforce', 'shadow']).default('enforce'),
    unit: z.enum(['requests', 'content-bytes']).default('requests'),
  })
  .transform(({ per, burst, ...rest }, ctx): LimitConfig => {
    const limit = { ...rest, perMs: per, burst: burst ?? Math.max(1, rest.rate) };
    if (buildLimitShape(limit) === undefined) {
      const message = 'limit_not_representable: this burst at this rate needs more digits than are exact; use a smaller burst, or a rate with more factors in common with its period';
      ctx.addIssue({ code: 'custom', message, path: [burst === undefined ? 'rate' : 'burst'] });
    }
    return limit;
  });

const policySchema = z.strictObject({
  subject: template(),
  onStoreFailure: z.enum(['local', 'allow', 'deny']).default('local'),
  partitionKey: z.boolean().default(false),
  limits: z
    .array(limitSchema)
    .min(1)
    .max(limitsMax)
    .superRefine((limits, ctx) => {
      const seen = new Set<string>();
      for (const [index, limit] of limits.entries()) {
        if (seen.has(limit.name)) ctx.addIssue({ code: 'custom', message: `limit "${limit.name}" is defined twice`, path: [index, 'name'] });
        seen.add(limit.name);
      }
    }),
});

const redisSchema = z.strictObject({
  redis: z
    .strictObject({ mode: z.enum(['single', 'sentinel']).default('single'), url: z.string() })
    .superRefine(({ mode, url }, ctx) => {
      const schemes: readonly string[] = redisSchemes[mode];
      if (schemes.some((scheme) => url.startsWith(`${scheme}//`))) return;
      const example = mode === 'single' ? 'redis://host:6379' : 'redis+sentinel://host:26379,host2:26379/master-name';
      ctx.addIssue({ code: 'custom', message: `expected an address such as ${example}`, path: ['url'] });
    }),
  timeoutMs: z.int().min(1).max(10_000).default(25),
});

const storeSchema = z.union([z.literal('memory'), redisSchema], { error: 'expected memory or { redis: { url } }' }).transform((store): StoreConfig => {
  if (store === 'memory') return { kind: 'memory' };
  return { kind: 'redis', mode: store.redis.mode, url: store.redis.url, timeoutMs: store.timeoutMs };
});

/** Schema of the `limiter:` part of tidegate.yaml (limiter/G1). */
export const limiterSchema = z.strictObject({
  store: storeSchema.default({ kind: 'memory' }),
  replicasMin: z.int().min(1).max(1_000).default(1),
  policies: z.record(name(), policySchema).default({}),
});

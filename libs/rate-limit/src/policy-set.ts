import { containsPlaceholders, parseKeyTemplate, type KeyTemplate } from './key-template.js';
import { buildLimitShape, type LimitShape } from './limit-shape.js';
import type { LimitConfig, LimiterConfig, Policy, StoreFailureMode } from './limiter-schema.js';

/** A limit ready to decide with. */
export interface CompiledLimit {
  readonly name: string;
  readonly isShadow: boolean;
  readonly unit: 'requests' | 'content-bytes';
  readonly shape: LimitShape;
  readonly key: KeyTemplate;
  /** The bucket's tag: the subject, or the limit's own key where subjects share it (limiter/B9). */
  readonly tag: KeyTemplate;
  /** What stands between tag and key: `}:policy/limit:`. */
  readonly infix: string;
  /** The limit is a share 1/divisor of the configured one (failure mode local); 1 = the configured one. */
  readonly divisor: number;
  /** Burst before the division. */
  readonly undividedBurst: number;
}

/** A policy ready to decide with. */
export interface CompiledPolicy {
  readonly name: string;
  readonly onStoreFailure: StoreFailureMode;
  readonly partitionKey: boolean;
  readonly limits: readonly CompiledLimit[];
}

/** All policies of one configuration. Immutable: a check sees one set from start to end (limiter/G2). */
export interface PolicySet {
  readonly configVersion: string;
  readonly policies: ReadonlyMap<string, CompiledPolicy>;
}

/** Compiles every policy of a checked configuration; throws only for one that did not pass `limiterSchema`. */
export function compilePolicies(config: Pick<LimiterConfig, 'policies'>, configVersion: string): PolicySet {
  const policies = new Map<string, CompiledPolicy>();
  for (const [name, policy] of Object.entries(config.policies)) policies.set(name, compilePolicy(name, policy));
  return { configVersion, policies };
}

function compilePolicy(name: string, { subject, onStoreFailure, partitionKey, limits }: Policy): CompiledPolicy {
  const subjectTemplate = compileTemplate(subject);
  return {
    name,
    onStoreFailure,
    partitionKey,
    limits: limits.map((limit) => compileLimit(name, limit, subjectTemplate)),
  };
}

function compileLimit(policy: string, { name, mode, unit, key, ...numbers }: LimitConfig, subject: KeyTemplate): CompiledLimit {
  const shape = buildLimitShape(numbers);
  if (shape === undefined) throw new RangeError(`limit_not_representable: ${policy}/${name}`);
  const template = compileTemplate(key);
  return {
    name,
    isShadow: mode === 'shadow',
    unit,
    shape,
    key: template,
    tag: containsPlaceholders(template, subject) ? subject : template,
    infix: `}:${policy}/${name}:`,
    divisor: 1,
    undividedBurst: shape.burst,
  };
}

function compileTemplate(text: string): KeyTemplate {
  const template = parseKeyTemplate(text);
  if (typeof template === 'string') throw new TypeError(template);
  return template;
}

/**
 * The share 1/divisor of a limit that one of `divisor` replicas enforces alone (limiter/F1): rate/divisor exactly, as
 * the same rate over a longer period, and max(1, floor(burst/divisor)). Returns the limit itself for divisor 1.
 */
export function divideLimit(limit: CompiledLimit, divisor: number): CompiledLimit {
  if (divisor <= 1) return limit;
  const { rate, perMs } = limit.shape;
  const burst = Math.max(1, Math.floor(limit.undividedBurst / divisor));
  const shape = buildLimitShape({ rate, perMs: perMs * divisor, burst });
  // Cannot happen below a million replicas: a share needs no more digits than its limit, unless its burst is 1.
  if (shape === undefined) throw new RangeError(`limit_not_representable: ${limit.name} divided by ${divisor}`);
  return { ...limit, shape, divisor };
}

/** A policy whose every limit is a share (see `divideLimit`). */
export function dividePolicy(policy: CompiledPolicy, divisor: number): CompiledPolicy {
  return { ...policy, limits: policy.limits.map((limit) => divideLimit(limit, divisor)) };
}

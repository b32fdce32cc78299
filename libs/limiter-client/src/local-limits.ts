import { LimitMode, Reason, type Check, type Decision, type LimitResult } from '@tidegate/grpc';
import {
  compilePolicies,
  createMemoryBucketStore,
  dividePolicy,
  LimiterFault,
  prepareForPolicy,
  toDecision,
  type CompiledPolicy,
  type LimitConfig,
  type MemoryBucketStore,
  type PolicySet,
  type PreparedCheck,
} from '@tidegate/rate-limit';
import type { Clock } from '@tidegate/units';
import { toLimiterDownDecision } from './failure-decision.js';
import { SeenLevelMemory } from './seen-levels.js';

/** Buckets a caller keeps for itself at most (limiter/F8). */
const bucketsMax = 100_000;

interface LearntPolicy {
  readonly configVersion: string;
  readonly whole: CompiledPolicy;
  readonly limits: number;
}

interface Share {
  readonly divisor: number;
  readonly policy: CompiledPolicy;
}

/**
 * Decides while no limiter answers: the limits last seen, divided by the size of the group (limiter/C4). The wire does not tell
 * a limit's key template, so a limit learnt from it is kept per `client`, else per `address`, else per set of attributes; a
 * caller that has the policies itself keeps them as the limiter does.
 */
export class LocalLimits {
  readonly #learnt = new Map<string, LearntPolicy>();
  readonly #shares = new WeakMap<CompiledPolicy, Share>();
  readonly #levels = new SeenLevelMemory();
  readonly #buckets: MemoryBucketStore;
  readonly #clock: Clock;
  readonly #policies: (() => PolicySet) | undefined;

  /** @param policies the caller's own policies, if it has them */
  constructor(clock: Clock, policies?: () => PolicySet) {
    this.#clock = clock;
    this.#buckets = createMemoryBucketStore({ clock, bucketsMax });
    this.#policies = policies;
  }

  /** Learns what a limiter's decision left, and the policy's limits; a verbose one tells all of them. */
  learn(check: Check, decision: Decision): void {
    this.#levels.learn(check, decision, this.#clock.monotonicMs());
    const known = this.#learnt.get(decision.policy);
    if (known !== undefined && known.configVersion === decision.configVersion && known.limits >= decision.limits.length) return;
    if (decision.limits.length === 0 || this.#policies !== undefined) return;
    const whole = compileLearnt(decision, buildIdentity(check.attributes));
    if (whole === undefined) return;
    this.#learnt.set(decision.policy, { configVersion: decision.configVersion, whole, limits: decision.limits.length });
  }

  /** A policy never seen is allowed: there is nothing to enforce. */
  decide(check: Check, groupSize: number): Decision {
    const own = this.#policies?.();
    const learnt = this.#learnt.get(check.policy);
    const whole = own?.policies.get(check.policy) ?? learnt?.whole;
    if (whole === undefined) return toLimiterDownDecision(check, true);
    const prepared = prepareForPolicy(this.#shareOf(whole, groupSize), check);
    if (prepared instanceof LimiterFault) return toLimiterDownDecision(check, true);
    this.#seed(prepared);
    const taken = this.#buckets.takeOne(prepared);
    if (taken === undefined) return toLimiterDownDecision(check, true);
    const configVersion = own?.configVersion ?? learnt?.configVersion ?? '';
    const decision = toDecision(prepared, taken, { configVersion, decisionId: '', localDivisor: groupSize });
    decision.reason = Reason.LIMITER_DOWN;
    return decision;
  }

  /** An own bucket starts at the share of the level last seen and what it gained since, else full. */
  #seed({ check, calls }: PreparedCheck): void {
    const seen = this.#levels.find(check);
    if (seen === undefined) return;
    const elapsedMs = this.#clock.monotonicMs() - seen.atMs;
    for (const { key, limit, shape } of calls) {
      const remaining = seen.remaining[limit.name];
      if (remaining === undefined) continue;
      const tokens = remaining / limit.divisor + (elapsedMs * shape.rate) / shape.perMs;
      this.#buckets.seed(key, shape, Math.min(shape.fullGrains, Math.floor(tokens * shape.grainsPerToken)));
    }
  }

  #shareOf(whole: CompiledPolicy, divisor: number): CompiledPolicy {
    const known = this.#shares.get(whole);
    if (known?.divisor === divisor) return known.policy;
    const policy = dividePolicy(whole, divisor);
    this.#shares.set(whole, { divisor, policy });
    return policy;
  }
}

function compileLearnt({ policy, configVersion, limits }: Decision, identity: string): CompiledPolicy | undefined {
  const config = { subject: identity, onStoreFailure: 'local', partitionKey: false, limits: limits.map((limit) => toLimitConfig(limit, identity)) } as const;
  try {
    return compilePolicies({ policies: { [policy]: config } }, configVersion).policies.get(policy);
  } catch {
    return undefined;
  }
}

function toLimitConfig({ limit, mode, rate, perMs, burst, unit }: LimitResult, identity: string): LimitConfig {
  return {
    name: limit,
    key: identity,
    rate,
    perMs,
    burst,
    mode: mode === LimitMode.SHADOW ? 'shadow' : 'enforce',
    unit: unit === 'content-bytes' ? unit : 'requests',
  };
}

/** Template of whose traffic a check is. Defaults stand in for what other checks do not send. */
function buildIdentity(attributes: Readonly<Record<string, string>>): string {
  for (const name of ['client', 'address']) if (Object.hasOwn(attributes, name)) return `{${name}|unknown}`;
  const names = Object.keys(attributes).sort();
  return names.length === 0 ? 'everyone' : names.map((name) => `{${name}|unknown}`).join(':');
}

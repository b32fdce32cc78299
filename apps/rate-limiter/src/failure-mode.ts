import type { Decision } from '@tidegate/grpc';
import {
  createMemoryBucketStore,
  dividePolicy,
  LimiterFault,
  prepareForPolicy,
  shareLevel,
  toDecision,
  toFailureDecision,
  type CompiledPolicy,
  type DecisionDetails,
  type MemoryBucketStore,
  type PreparedCheck,
  type TakenCheck,
} from '@tidegate/rate-limit';
import type { Clock } from '@tidegate/units';
import type { DebtLedger } from './debt-ledger.js';
import type { LevelMemory } from './level-memory.js';

export interface FailureModeOptions {
  readonly clock: Clock;
  readonly levels: LevelMemory;
  readonly debts: DebtLedger;
  /** By how much the limits are divided now (limiter/F1). */
  readonly divisor: () => number;
}

/** Decides without the store, as the policy wants it: from this replica's share of the limits, allow, or deny (limiter/F1). */
export class FailureMode {
  readonly #options: FailureModeOptions;
  #shares: MemoryBucketStore;
  #divisor = 0;
  #divided = new Map<CompiledPolicy, CompiledPolicy>();

  constructor(options: FailureModeOptions) {
    this.#options = options;
    this.#shares = createMemoryBucketStore({ clock: options.clock });
  }

  decide(prepared: PreparedCheck, details: DecisionDetails): Decision {
    const { onStoreFailure } = prepared.policy;
    if (onStoreFailure !== 'local') return toFailureDecision(prepared, onStoreFailure, details);
    const divisor = this.#options.divisor();
    const share = prepareForPolicy(this.#divide(prepared.policy, divisor), prepared.check);
    if (share instanceof LimiterFault) return toFailureDecision(prepared, 'deny', details);
    this.#seed(prepared, share, divisor);
    const taken = this.#shares.takeOne(share);
    if (taken === undefined) return toFailureDecision(prepared, 'allow', details);
    this.#owe(prepared, taken);
    return toDecision(share, taken, { ...details, localDivisor: divisor });
  }

  /** Forgets the shares: the next outage starts from the levels seen then. */
  reset(): void {
    this.#shares = createMemoryBucketStore({ clock: this.#options.clock });
    this.#divided = new Map();
  }

  #divide(policy: CompiledPolicy, divisor: number): CompiledPolicy {
    if (divisor !== this.#divisor || this.#divided.size > 10_000) {
      this.#divisor = divisor;
      this.#divided = new Map();
    }
    const known = this.#divided.get(policy);
    if (known !== undefined) return known;
    const divided = dividePolicy(policy, divisor);
    this.#divided.set(policy, divided);
    return divided;
  }

  #seed(whole: PreparedCheck, share: PreparedCheck, divisor: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const { key, shape } of share.calls) {
      const seen = this.#options.levels.estimate(key, nowMs);
      if (seen !== undefined) this.#shares.seed(key, shape, shareLevel(seen.level, seen.shape, { share: shape, divisor }));
    }
  }

  #owe({ calls }: PreparedCheck, { allowed, fits }: TakenCheck): void {
    if (!allowed) return;
    for (let index = 0; index < calls.length; index += 1) {
      const call = calls[index];
      if (call !== undefined && (fits & (1 << index)) !== 0) this.#options.debts.add(call);
    }
  }
}

import { randomBytes } from 'node:crypto';
import { Reason, type Check, type Decision } from '@tidegate/grpc';
import { effectiveTimeoutMs, LimiterError } from '@tidegate/limiter-client';
import { LimiterFault, prepareCheck, toDecision, toFailureDecision, type BucketStore, type DecisionDetails, type PreparedCheck, type TakeResult, type TakenCheck } from '@tidegate/rate-limit';
import type { Clock } from '@tidegate/units';
import type { DenialLog } from './denial-log.js';
import type { LimiterMetrics } from './limiter-metrics.js';
import { OpenCheck, type CheckSink, type OpenChecks } from './open-check.js';
import type { PolicySnapshot } from './policy-snapshot.js';
import { StoreBatcher, type StoreBatcherOwner } from './store-batcher.js';
import type { StoreGuard } from './store-guard.js';

/** Where a check's outcome goes and until when it may wait. */
export interface CheckOrigin {
  readonly id: number;
  readonly sink: CheckSink;
  /** Monotonic ms; timeout_ms counts from here (limiter/P4). */
  readonly receivedAtMs: number;
  /** The call's own deadline, monotonic ms; Infinity = none. */
  readonly deadlineMs: number;
}

export interface CheckLimitOptions {
  readonly snapshot: PolicySnapshot;
  readonly store: BucketStore;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly open: OpenChecks;
  readonly guard: StoreGuard;
  readonly metrics: LimiterMetrics;
  readonly logDenial: DenialLog;
}

/**
 * The path of one check: validate the request, read the policy snapshot, build the bucket keys, take the tokens in one store
 * call with whatever waits, answer. Every submitted check gets exactly one answer, at once or later.
 */
export class CheckLimit implements StoreBatcherOwner {
  readonly #options: CheckLimitOptions;
  readonly #batcher: StoreBatcher;
  readonly #decisionPrefix = `${randomBytes(6).toString('base64url')}-`;
  #decisions = 0;

  constructor(options: CheckLimitOptions) {
    this.#options = options;
    this.#batcher = new StoreBatcher({ ...options, owner: this });
    options.guard.onAway = () => this.#batcher.abandonAll();
  }

  /** How many more checks may be opened now. */
  get room(): number {
    const { open } = this.#options;
    return open.max - open.count;
  }

  /** Takes a check; `send` must follow when all that arrived together are submitted. */
  submit(check: Check | undefined, { id, sink, receivedAtMs, deadlineMs }: CheckOrigin): void {
    const { snapshot, open, guard } = this.#options;
    const policySet = snapshot.current;
    const prepared = check === undefined ? emptyPolicy : prepareCheck(policySet, check);
    if (prepared instanceof LimiterFault) return this.#refuse(sink, id, new LimiterError(prepared.code, prepared.message));
    if (open.count >= open.max) return this.#refuse(sink, id, new LimiterError('OVERLOADED', 'too many checks are open; try again'));
    const ownDeadlineMs = receivedAtMs + effectiveTimeoutMs(prepared.check);
    const accepted = new OpenCheck(prepared, { configVersion: policySet.configVersion, deadlineMs: Math.min(ownDeadlineMs, deadlineMs), sink, id, open });
    if (guard.health.isDegraded) this.unknown(accepted);
    else this.#batcher.submit(accepted);
  }

  send(): void {
    this.#batcher.send();
  }

  /** Decides from this replica's share of the limits, whatever the store's state; undefined for a check that cannot be decided. */
  decideShare(check: Check): Decision | undefined {
    const { snapshot, guard, metrics } = this.#options;
    const policySet = snapshot.current;
    const prepared = prepareCheck(policySet, check);
    if (prepared instanceof LimiterFault) return undefined;
    const decision = guard.failureMode.decide(prepared, this.#details(policySet.configVersion));
    decision.reason = Reason.LIMITER_DOWN;
    metrics.decided(decision);
    return decision;
  }

  close(): void {
    this.#batcher.close();
  }

  taken(accepted: OpenCheck, result: TakeResult): void {
    const { prepared } = accepted;
    if (result !== undefined) this.#learn(prepared, result);
    if (accepted.isSettled) return;
    const details = this.#details(accepted.configVersion);
    // No room in the store's memory: an own share would find none either, so `local` lets it pass (limiter/B14).
    if (result === undefined) return this.#answer(accepted, toFailureDecision(prepared, prepared.policy.onStoreFailure === 'deny' ? 'deny' : 'allow', details));
    this.#options.metrics.decidedShadow(prepared, result);
    this.#answer(accepted, toDecision(prepared, result, details));
  }

  unknown(accepted: OpenCheck): void {
    this.#answer(accepted, this.#options.guard.failureMode.decide(accepted.prepared, this.#details(accepted.configVersion)));
  }

  late(accepted: OpenCheck): void {
    this.#options.metrics.undecided('DEADLINE_EXCEEDED');
    accepted.refuse(new LimiterError('DEADLINE_EXCEEDED', 'the time to decide passed before the check was sent to the store'));
  }

  replied(latencyMs: number, checks: number): void {
    this.#options.guard.health.replied();
    this.#options.metrics.storeReplied(latencyMs, checks);
  }

  failed(reason: string): void {
    this.#options.metrics.storeFailed();
    this.#options.guard.health.failed(reason);
  }

  #answer(accepted: OpenCheck, decision: Decision): void {
    this.#options.metrics.decided(decision);
    if (!decision.allowed) this.#options.logDenial(decision);
    accepted.decide(decision);
  }

  #refuse(sink: CheckSink, id: number, error: LimiterError): void {
    this.#options.metrics.undecided(error.code);
    sink.refused(id, error);
  }

  #details(configVersion: string): DecisionDetails {
    this.#decisions += 1;
    return { configVersion, decisionId: this.#decisionPrefix + this.#decisions.toString(36) };
  }

  #learn({ calls }: PreparedCheck, { states }: TakenCheck): void {
    const { guard, clock } = this.#options;
    const { levels } = guard;
    if (levels === undefined) return;
    const atMs = clock.monotonicMs();
    for (let index = 0; index < calls.length; index += 1) {
      const call = calls[index];
      if (call !== undefined) levels.learn(call.key, { level: states[2 * index] ?? 0, shape: call.shape, atMs });
    }
  }
}

const emptyPolicy = new LimiterFault('EMPTY_POLICY', 'the item carries no check');

import type { Logger } from '@tidegate/observability';
import { compilePolicies, type Policy } from '@tidegate/rate-limit';
import type { Clock } from '@tidegate/units';
import { toBucketCheck } from './bucket-check.js';
import type { ClientGroups } from './client-groups.js';
import { DebtLedger } from './debt-ledger.js';
import { FailureMode } from './failure-mode.js';
import { Heartbeat } from './heartbeat.js';
import { LevelMemory } from './level-memory.js';
import type { SharedStore } from './open-store.js';
import { StoreHealth } from './store-health.js';

export interface StoreGuardOptions {
  /** Undefined: buckets live in this process and are never away. */
  readonly shared: SharedStore | undefined;
  readonly instance: string;
  readonly groups: ClientGroups;
  readonly replicasMin: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called at each turn to the failure mode and back. */
  readonly onChange: (what: 'degraded' | 'recovered', detail: string) => void;
}

/** Rounds of debits before decisions go to the store again; what is admitted meanwhile is debited by the next beat. */
const debitRoundsMax = 5;

const warmUpPolicy: Policy = {
  subject: 'warmup',
  onStoreFailure: 'local',
  partitionKey: false,
  limits: [{ name: 'warmup', key: 'warmup', rate: 1, perMs: 1_000, burst: 1, mode: 'enforce', unit: 'requests' }],
};

/** Knows whether the store is there, decides for it while it is not, and squares the accounts when it is back (limiter/F1, F2). */
export class StoreGuard {
  readonly #options: StoreGuardOptions;
  readonly #debts = new DebtLedger();
  readonly #heartbeat: Heartbeat | undefined;
  readonly health: StoreHealth;
  /** Undefined: the buckets are this process's own and their levels need not be remembered. */
  readonly levels: LevelMemory | undefined;
  readonly failureMode: FailureMode;
  /** Told when the store went away: what waits for it must be answered. */
  onAway: () => void = () => {};
  #isSettling = false;

  constructor(options: StoreGuardOptions) {
    this.#options = options;
    const { clock, shared, instance, groups } = options;
    const levels = new LevelMemory();
    this.levels = shared === undefined ? undefined : levels;
    this.failureMode = new FailureMode({ clock, levels, debts: this.#debts, divisor: () => this.replicas });
    this.health = new StoreHealth({
      clock,
      probe: () => this.#probe(),
      onDegraded: (reason) => this.#onDegraded(reason),
      onReturn: () => this.#settleAll(),
      onRecovered: () => this.#onRecovered(),
    });
    if (shared === undefined) return;
    this.#heartbeat = new Heartbeat({
      redis: shared.redis,
      instance,
      groups,
      onFailure: (reason) => this.health.failed(reason),
      onReply: () => this.health.replied(),
      onBeat: () => void this.#settleStray(),
    });
  }

  /** By how much limits are divided in failure mode local (limiter/F1). */
  get replicas(): number {
    return Math.max(this.#options.replicasMin, this.#heartbeat?.replicas ?? 1, 1);
  }

  /** First beat; without a store the replica starts degraded (limiter/F3). */
  async start(): Promise<void> {
    if (this.#heartbeat === undefined) return;
    try {
      await this.#probe();
      await this.#warnOfEviction();
      await this.#loadScript();
    } catch (error) {
      this.health.degrade((error as Error).message);
    }
    this.#heartbeat.start();
  }

  async close(): Promise<void> {
    this.health.close();
    await this.#heartbeat?.stop();
  }

  /** An evicted bucket is a full one (limiter/B10). */
  async #warnOfEviction(): Promise<void> {
    const policy = await this.#options.shared?.buckets.evictionPolicy();
    if (policy !== 'noeviction') this.#options.logger.warn({ policy }, 'Redis may evict buckets, which makes them full: set maxmemory-policy noeviction');
  }

  /** The first call of a script carries its text: a look at a bucket that nobody has makes it, before anyone waits. */
  async #loadScript(): Promise<void> {
    const policySet = compilePolicies({ policies: { warmup: warmUpPolicy } }, '');
    const limit = policySet.policies.get('warmup')?.limits[0];
    if (limit === undefined) return;
    await this.#options.shared?.buckets.take([toBucketCheck({ key: 'tg1:{warmup}', limit, shape: limit.shape, cost: 0, isHopeless: false }, 0)]);
  }

  /** Both connections must work: the one that decides and takes writes, and the one that counts replicas. */
  async #probe(): Promise<void> {
    await this.#options.shared?.buckets.probe();
    await this.#heartbeat?.beat();
  }

  async #settleAll(): Promise<void> {
    for (let round = 0; round < debitRoundsMax && this.#debts.size > 0; round += 1) await this.#settle();
  }

  async #settle(): Promise<void> {
    const { shared } = this.#options;
    if (shared !== undefined) await this.#debts.settle(shared.buckets);
  }

  /** Debits what single failed calls made this replica admit while the store was there. */
  async #settleStray(): Promise<void> {
    if (this.#debts.size === 0 || this.#isSettling || this.health.isDegraded) return;
    this.#isSettling = true;
    try {
      await this.#settle();
      if (this.#debts.size === 0) this.failureMode.reset();
    } catch (error) {
      this.health.failed((error as Error).message);
    } finally {
      this.#isSettling = false;
    }
  }

  #onDegraded(reason: string): void {
    this.#options.logger.warn({ reason, replicas: this.replicas }, 'the store is away: deciding from own shares');
    this.#options.onChange('degraded', reason);
    this.onAway();
  }

  #onRecovered(): void {
    if (this.#debts.size === 0) this.failureMode.reset();
    this.#options.logger.info({ replicas: this.replicas }, 'the store is back: deciding exactly again');
    this.#options.onChange('recovered', '');
  }
}

import cluster, { type Worker } from 'node:cluster';
import type { HealthCheck, Logger, MetricSamples } from '@tidegate/observability';
import type { AdminCall, AdminName, AdminReply } from './admin-operation.js';
import { Peer, type Handlers } from './peer.js';
import { workerVariable } from './this-worker.js';
import type { Failed, Ready } from './worker-process.js';

export interface WorkerSlotOptions {
  /** Group and number, such as gateway-1. */
  readonly name: string;
  readonly logger: Logger;
  readonly handlers: Handlers;
  /** What every new process is told to do before it counts as ready. */
  readonly catchUp: () => readonly AdminCall[];
  readonly onMetrics: (metrics: readonly MetricSamples[]) => void;
  readonly onReady: () => void;
  readonly onGone: (wasReady: boolean) => void;
  /** A process that served has died, and another is going to take its place. */
  readonly onRestart: () => void;
}

/** A worker ended before it served. */
export class WorkerStartError extends Error {
  override readonly name = 'WorkerStartError';

  constructor(
    message: string,
    /** What it wanted to exit with. */
    readonly exitCode: number,
  ) {
    super(message);
  }
}

const backOffMs = { first: 100, max: 10_000 };
/** A process that served this long owes nothing to the failures before it. */
const settledMs = 10_000;
const answerMs = 3_000;

/** The place of one worker: a process, and after its death the next one, which waits longer each time. */
export class WorkerSlot {
  readonly #options: WorkerSlotOptions;
  #worker: Worker | undefined;
  #peer: Peer | undefined;
  #admin: readonly AdminName[] = [];
  #isReady = false;
  #reason = 'starting';
  #failures = 0;
  #readyAtMs = 0;
  #restartTimer: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(options: WorkerSlotOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** The admin API of the process, once it has been ready. */
  get admin(): readonly AdminName[] {
    return this.#admin;
  }

  /** Resolves when the process serves; rejects with WorkerStartError when it ended before. */
  start(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const worker = cluster.fork({ [workerVariable]: this.name });
    let failure: Failed | undefined;
    const peer = new Peer(worker.process, {
      ...this.#options.handlers,
      ready: async ({ admin }: Ready) => {
        await this.#catchUp(peer);
        this.#served(admin);
        resolve();
      },
      failed: (why: Failed) => {
        failure = why;
      },
      leaving: (metrics: readonly MetricSamples[]) => this.#options.onMetrics(metrics),
    });
    worker.once('exit', (code, signal) => {
      const reason = failure?.message ?? `ended with ${signal ?? code}`;
      const wasReady = this.#ended(reason);
      if (!wasReady) reject(new WorkerStartError(`worker ${this.name}: ${reason}`, failure?.exitCode ?? 1));
    });
    worker.on('error', (err) => this.#options.logger.error({ err, worker: this.name }, 'a worker cannot be reached'));
    this.#worker = worker;
    this.#peer = peer;
    return promise;
  }

  /** Lets the process drain; resolves when it is gone. What is not gone after `killAfterMs` is killed. */
  async stop(killAfterMs: number): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restartTimer);
    const worker = this.#worker;
    if (worker === undefined || worker.isDead()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    worker.once('exit', () => resolve());
    const timer = setTimeout(() => {
      this.#options.logger.error({ worker: this.name }, 'a worker does not end and is killed');
      worker.process.kill('SIGKILL');
    }, killAfterMs);
    this.#peer?.call('stop').catch(() => undefined);
    await promise;
    clearTimeout(timer);
  }

  /** Its checks under its name: one that is ok, or all that are not. */
  async readiness(): Promise<readonly HealthCheck[]> {
    if (!this.#isReady || this.#peer === undefined) return [{ name: this.name, ok: false, reason: this.#reason }];
    try {
      const checks = await this.#peer.call<readonly HealthCheck[]>('readiness', undefined, answerMs);
      const failing = checks.filter(({ ok }) => !ok).map((check) => ({ ...check, name: `${this.name}/${check.name}` }));
      return failing.length > 0 ? failing : [{ name: this.name, ok: true }];
    } catch (error) {
      return [{ name: this.name, ok: false, reason: (error as Error).message }];
    }
  }

  /** Asks for its metrics; a process that does not answer keeps those it gave before. */
  async look(): Promise<void> {
    if (!this.#isReady) return;
    const metrics = await this.#peer?.call<readonly MetricSamples[]>('metrics', undefined, answerMs).catch(() => undefined);
    if (metrics !== undefined && this.#isReady) this.#options.onMetrics(metrics);
  }

  /** Has the process do one admin operation; rejects when it cannot be asked. */
  ask(call: AdminCall): Promise<AdminReply> {
    if (this.#peer === undefined) return Promise.reject(new Error('not started'));
    return this.#peer.call<AdminReply>('admin', call, answerMs);
  }

  async #catchUp(peer: Peer): Promise<void> {
    for (const call of this.#options.catchUp()) {
      await peer.call('admin', call, answerMs).catch((err: unknown) => this.#options.logger.error({ err, worker: this.name, path: call.path }, 'a worker does not know what its siblings were told'));
    }
  }

  #served(admin: readonly AdminName[]): void {
    this.#admin = admin;
    this.#isReady = true;
    this.#readyAtMs = performance.now();
    this.#options.onReady();
  }

  /** Says whether it was ready. */
  #ended(reason: string): boolean {
    const wasReady = this.#isReady;
    this.#isReady = false;
    this.#peer = undefined;
    this.#options.onGone(wasReady);
    if (!wasReady || this.#isStopping) return wasReady;
    if (performance.now() - this.#readyAtMs > settledMs) this.#failures = 0;
    this.#replace(reason);
    return true;
  }

  #replace(reason: string): void {
    const waitMs = Math.min(backOffMs.first * 2 ** this.#failures, backOffMs.max);
    this.#failures += 1;
    this.#reason = `${reason}, restarts`;
    this.#options.logger.error({ worker: this.name, reason, waitMs }, 'a worker died and is replaced');
    this.#options.onRestart();
    this.#restartTimer = setTimeout(() => {
      this.start().catch((error: Error) => {
        if (!this.#isStopping) this.#replace(error.message);
      });
    }, waitMs);
  }
}

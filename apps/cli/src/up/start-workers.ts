import cluster, { type Worker } from 'node:cluster';
import type { Observability } from '@tidegate/observability';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { workerVariable, type AcceptBatch, type PrimaryMessage, type WorkerMessage } from './worker-messages.js';

export interface WorkersOptions {
  readonly count: number;
  /** The analytics of this process; undefined when events go over Kafka. */
  readonly accept: AcceptBatch | undefined;
  readonly observability: Observability;
}

/** Gateways in processes of their own that share the listeners. */
export interface RunningWorkers {
  /** Lets every worker drain; resolves when all are gone. */
  stop(): Promise<void>;
}

const restartAfterMs = 1_000;

/** Forks this very command line `count` times (node:cluster); a worker that dies is replaced. Throws when one cannot start. */
export async function startWorkers(options: WorkersOptions): Promise<RunningWorkers> {
  cluster.setupPrimary({ exec: process.argv[1] ?? '', args: process.argv.slice(2), serialization: 'advanced' });
  const workers = new Workers(options);
  await workers.start();
  return { stop: () => workers.stop() };
}

class Workers {
  readonly #options: WorkersOptions;
  #isStopping = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const outcomes = await Promise.allSettled(Array.from({ length: this.#options.count }, (_, at) => this.#fork(at + 1)));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed === undefined) return;
    await this.stop();
    throw failed.reason;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(Object.values(cluster.workers ?? {}).map((worker) => letGo(worker)));
  }

  /** Resolves when the worker serves; afterwards a death is a restart. Its number stays: the spool and the ops port go by it. */
  #fork(number: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const worker = cluster.fork({ [workerVariable]: String(number) });
    const { health, logger } = this.#options.observability;
    const check = `worker-${number}`;
    let isReady = false;
    health.set(check, false, 'starting');
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'ready') {
        isReady = true;
        health.set(check, true);
        resolve();
      } else if (message.kind === 'failed') reject(new CliError(message.message, message.exitCode));
      else void this.#accept(worker, message);
    });
    worker.once('exit', (code, signal) => {
      health.remove(check);
      if (!isReady) return reject(new CliError(`a worker ended before it served (${signal ?? code})`, exitCodes.unavailable));
      if (this.#isStopping) return;
      logger.error({ worker: number, code, signal }, 'a worker died and is replaced');
      this.#replace(number);
    });
    return promise;
  }

  #replace(number: number): void {
    setTimeout(() => {
      if (this.#isStopping) return;
      this.#fork(number).catch((error: unknown) => {
        this.#options.observability.logger.error({ err: error }, 'a worker could not be replaced; trying again');
        this.#replace(number);
      });
    }, restartAfterMs);
  }

  async #accept(worker: Worker, { id, batch, partition }: Extract<WorkerMessage, { kind: 'batch' }>): Promise<void> {
    const outcome = await this.#options.accept?.(batch, partition).then(
      () => ({}),
      (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }),
    );
    if (worker.isConnected()) worker.send({ kind: 'accepted', id, ...outcome } satisfies PrimaryMessage);
  }
}

function letGo(worker: Worker | undefined): Promise<void> {
  if (worker === undefined || worker.isDead()) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  worker.once('exit', () => resolve());
  if (worker.isConnected()) worker.send({ kind: 'stop' } satisfies PrimaryMessage);
  return promise;
}

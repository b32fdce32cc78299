import process from 'node:process';

/** Tells a process that it is a worker, and which: its group and number, such as gateway-1. */
export const workerVariable = 'TIDEGATE_WORKER';

/** A process among those its primary forked. */
export interface WorkerName {
  readonly group: string;
  /** From 1 on; the same after a restart. */
  readonly number: number;
}

/** What this process is to the one that forked it; undefined: nothing. */
export function thisWorker(env: NodeJS.ProcessEnv = process.env): WorkerName | undefined {
  const match = /^(.+)-(\d+)$/.exec(env[workerVariable] ?? '');
  return match === null || process.send === undefined ? undefined : { group: match[1] ?? '', number: Number(match[2]) };
}

/** Name of this process among its replicas: that of the app, with the worker's number behind it. */
export function instanceName(name: string): string {
  const worker = thisWorker();
  return worker === undefined ? name : `${name}-${worker.number}`;
}

import { watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import { checkConfig, formatProblem } from '@tidegate/config';
import { compilePolicies } from '@tidegate/rate-limit';
import type { RunningLimiter } from './bootstrap.js';

/** Editors and deployments touch files several times; they are read once it is quiet for this long, in ms. */
const quietMs = 100;

export interface WatchPoliciesOptions {
  /** The configuration the limiter was started with. */
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
  readonly configVersion: string;
  readonly limiter: Pick<RunningLimiter, 'replacePolicies' | 'refusePolicies'>;
}

/**
 * Puts the policies of the configuration in force whenever it changes: written, renamed or swapped by symlink (limiter/G2). Folders
 * are watched, not files, since a rename takes a watched file away. Returns what ends the watch.
 */
export function watchPolicies({ file, env, configVersion, limiter }: WatchPoliciesOptions): () => void {
  const watchers = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  let version = configVersion;

  const reload = (): void => {
    const { config, problems, files } = checkConfig({ file, env });
    watchFolders(files);
    if (config === undefined) limiter.refusePolicies(problems.map((problem) => formatProblem(problem)).join('\n'));
    else if (config.configVersion !== version) {
      version = config.configVersion;
      limiter.replacePolicies(compilePolicies(config.limiter, version));
    }
  };
  const schedule = (): void => {
    clearTimeout(timer);
    timer = setTimeout(reload, quietMs).unref();
  };
  const watchFolders = (files: readonly string[]): void => {
    for (const folder of new Set([file, ...files].map((name) => dirname(name)))) {
      if (!watchers.has(folder)) watchers.set(folder, watch(folder, { persistent: false }, schedule).on('error', schedule));
    }
  };

  watchFolders(checkConfig({ file, env }).files);
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers.values()) watcher.close();
  };
}

import { formatProblem } from './config-error.js';
import { checkConfig } from './load-config.js';
import type { TidegateConfig } from './tidegate-schema.js';

/** `EX_USAGE` of sysexits: the command line or the configuration is wrong. */
const exitUsage = 64;

/**
 * For the `main.ts` of an app: the configuration named by TIDEGATE_CONFIG (`tidegate.yaml` in the working directory by
 * default). Prints every mistake and exits with 64 when it cannot be used, before a port is bound.
 */
export function loadConfigOrExit(file: string = process.env.TIDEGATE_CONFIG ?? 'tidegate.yaml'): TidegateConfig {
  const { config, problems } = checkConfig({ file, env: process.env });
  if (config !== undefined) return config;
  process.stderr.write(`${problems.map((problem) => formatProblem(problem)).join('\n')}\n`);
  return process.exit(exitUsage);
}

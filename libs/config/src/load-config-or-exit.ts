import { formatProblem } from './config-error.js';
import { checkConfig } from './load-config.js';
import type { Environment } from './read-config-file.js';
import type { TidegateConfig } from './tidegate-schema.js';

/** `EX_USAGE` of sysexits: the command line or the configuration is wrong. */
const exitUsage = 64;

/** The file a process means: the one TIDEGATE_CONFIG names, or `tidegate.yaml` in the working directory. */
export const configFileOf = (env: Environment): string => env['TIDEGATE_CONFIG'] ?? 'tidegate.yaml';

/**
 * For the `main.ts` of an app: its configuration (see configFileOf). Prints every mistake and exits with 64 when it cannot be
 * used, before a port is bound.
 */
export function loadConfigOrExit(file: string = configFileOf(process.env)): TidegateConfig {
  const { config, problems } = checkConfig({ file, env: process.env });
  if (config !== undefined) return config;
  process.stderr.write(`${problems.map((problem) => formatProblem(problem)).join('\n')}\n`);
  return process.exit(exitUsage);
}

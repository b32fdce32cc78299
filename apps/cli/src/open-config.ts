import { loadSecrets, type Secrets } from '@tidegate/auth';
import { configFileOf as fileOfEnvironment, ConfigError, loadConfig, type TidegateConfig } from '@tidegate/config';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';
import type { Terminal } from './terminal.js';

/** The file a command means: its option, TIDEGATE_CONFIG, or `tidegate.yaml` here. */
export function configFileOf(option: string | undefined, { env }: Terminal): string {
  return option ?? fileOfEnvironment(env);
}

/** Loads the configuration; a wrong one ends the command with all its mistakes. */
export function openConfig(option: string | undefined, terminal: Terminal): TidegateConfig {
  const file = configFileOf(option, terminal);
  try {
    return loadConfig({ file, env: terminal.env });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CliError(`${error.message}\n${file} cannot be used; correct the lines above, or name another file with --config`, exitCodes.usage);
  }
}

/** Reads the secrets folder of a configuration. */
export function openSecrets(config: Pick<TidegateConfig, 'secrets'>): Secrets {
  try {
    return loadSecrets(config.secrets.directory);
  } catch (error) {
    throw new CliError((error as Error).message, exitCodes.unavailable, { cause: error });
  }
}

import { ensureSecrets, type EnsuredSecrets, type Secrets } from '@tidegate/auth';
import type { TidegateConfig } from '@tidegate/config';
import type { LogLevel } from '@tidegate/observability';
import { formatAddress } from '@tidegate/units';
import { Option, type Command } from 'commander';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { configFileOf, openConfig, openSecrets } from '../open-config.js';
import type { Terminal } from '../terminal.js';
import { appNames, parseAppNames, type AppName } from '../up/app-names.js';
import { formatBanner, formatFirstStart } from '../up/format-banner.js';
import { findBusyPorts, planListeners } from '../up/planned-listeners.js';
import { firstStopSignal } from '../up/stop-signals.js';
import { requestToken } from './token.js';

interface UpOptions {
  readonly only?: readonly AppName[];
  readonly config?: string;
  readonly logLevel: LogLevel;
  readonly initOnly?: true;
}

/** `tidegate up`: the whole product in this process. */
export function addUpCommand(program: Command, terminal: Terminal): void {
  program
    .command('up')
    .description('Start everything in one process: gateways, limiter, analytics and the demo services.')
    .option('--only <APPS>', `start some of ${appNames.join(',')}; the others are reached at their addresses`, parseAppNames)
    .option('-c, --config <FILE>', 'configuration file')
    .addOption(new Option('--log-level <LEVEL>', 'JSON lines on standard error').choices(['silent', 'error', 'warn', 'info', 'debug']).default('warn'))
    .option('--init-only', 'make the secrets of the first start and end')
    .addHelpText('after', '\nExamples:\n  tidegate up\n  tidegate up --config staging.yaml --log-level info\n  tidegate up --only ingress,egress')
    .action((options: UpOptions) => up(options, terminal));
}

async function up(options: UpOptions, terminal: Terminal): Promise<void> {
  const config = openConfig(options.config, terminal);
  const file = configFileOf(options.config, terminal);
  const apps = (options.only ?? appNames).filter((app) => app !== 'demo' || config.demo !== undefined || options.only !== undefined);
  const plan = { config, apps, source: { file, env: terminal.env }, level: options.logLevel };
  // Loaded only here, like the apps and their framework: the other commands answer without them.
  const [{ thisWorker }, { runWorker, startAll }] = await Promise.all([import('@tidegate/workers'), import('../up/start-all.js')]);
  const worker = thisWorker();
  if (worker !== undefined) return runWorker({ ...plan, secrets: openSecrets(config) }, worker);
  const secrets = makeSecrets(config, terminal);
  if (options.initOnly === true) return;
  const busy = await findBusyPorts(planListeners(config, apps));
  if (busy.length > 0) throw new CliError([...busy, ...(busy.length > 3 ? ['Is another "tidegate up" running?'] : [])].join('\n'), exitCodes.unavailable);
  const stopSignal = firstStopSignal();
  const stop = await startAll({ ...plan, secrets });
  const token = apps.includes('demo') ? await tokenToTry(config, secrets) : undefined;
  terminal.out(formatBanner({ file, config, apps, readyAfterMs: performance.now(), token }));
  const signal = await stopSignal;
  terminal.err(`${signal}: draining for up to ${(config.drain.delayMs + config.drain.timeoutMs) / 1_000} s`);
  await stop();
  // Only fires when something still holds the process.
  setTimeout(() => process.exit(), 1_000).unref();
}

function makeSecrets(config: TidegateConfig, terminal: Terminal): EnsuredSecrets {
  try {
    const secrets = ensureSecrets(config.secrets.directory);
    const text = formatFirstStart(secrets);
    if (text !== '') terminal.out(`${text}\n`);
    return secrets;
  } catch (error) {
    throw new CliError(`${(error as Error).message}; see that secrets.directory may be written`, exitCodes.unavailable, { cause: error });
  }
}

/** A token that lasts a working day, for the lines to try; none when the auth service does not give one. */
async function tokenToTry({ demo }: TidegateConfig, { clients }: Secrets): Promise<string | undefined> {
  const address = demo?.auth?.[0];
  if (address === undefined || address.port === 0) return undefined;
  const wish = { client: clients[0], sub: 'alice', scopes: ['orders:read', 'orders:write'], ttlMs: 12 * 3_600_000 };
  return requestToken(new URL(`http://${formatAddress(address)}/auth/token`), wish).then(({ access_token }) => access_token, () => undefined);
}

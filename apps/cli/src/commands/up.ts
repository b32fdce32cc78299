import { hostname } from 'node:os';
import { ensureSecrets, type EnsuredSecrets, type Secrets } from '@tidegate/auth';
import type { TidegateConfig } from '@tidegate/config';
import type { LogLevel, Observability } from '@tidegate/observability';
import { formatAddress } from '@tidegate/units';
import { Option, type Command } from 'commander';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { configFileOf, openConfig, openSecrets } from '../open-config.js';
import type { Terminal } from '../terminal.js';
import { appNames, parseAppNames, type AppName } from '../up/app-names.js';
import { formatBanner, formatFirstStart } from '../up/format-banner.js';
import { findBusyPorts, opsAddress, planListeners, splitApps, workerOpsAddress } from '../up/planned-listeners.js';
import type { RunningApps, StartOptions } from '../up/start-apps.js';
import { runWorker } from '../up/run-worker.js';
import { startWorkers } from '../up/start-workers.js';
import { firstStopSignal } from '../up/stop-signals.js';
import { workerVariable, type AcceptBatch } from '../up/worker-messages.js';
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
  const worker = process.connected ? Number(terminal.env[workerVariable] ?? 0) : 0;
  if (worker > 0) return runWorker((accept) => startWorkerApps({ ...plan, secrets: openSecrets(config), worker, accept }));
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

interface Plan extends Pick<StartOptions, 'config' | 'apps' | 'source' | 'secrets'> {
  readonly level: LogLevel;
}

/** Everything in this process, or with `workers` the gateways in others; returns what stops it all. */
async function startAll(plan: Plan): Promise<() => Promise<void>> {
  const { own, inWorkers } = splitApps(plan.config, plan.apps);
  const observability = await openObservability(hostname(), plan.level);
  const running = await start({ ...plan, apps: own, opsAddress: opsAddress(plan.config, plan.apps) }, observability);
  if (inWorkers.length === 0) return () => running.stop();
  try {
    const workers = await startWorkers({ count: plan.config.workers, accept: running.accept, observability });
    return () => workers.stop().then(() => running.stop());
  } catch (error) {
    await running.stop();
    throw error;
  }
}

async function startWorkerApps({ worker, accept, ...plan }: Plan & { worker: number; accept: AcceptBatch }): Promise<RunningApps> {
  const observability = await openObservability(`${hostname()}-${worker}`, plan.level);
  return start({ ...plan, apps: splitApps(plan.config, plan.apps).inWorkers, opsAddress: workerOpsAddress(plan.config, worker), accept }, observability);
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

/** Loaded only here, like the apps and their framework: the other commands answer without them. */
async function openObservability(instance: string, level: LogLevel): Promise<Observability> {
  const { createObservability } = await import('@tidegate/observability');
  return createObservability({ app: 'tidegate', instance, level, destination: { write: (line) => void process.stderr.write(line) } });
}

async function start(options: Omit<StartOptions, 'observability'>, observability: Observability): Promise<RunningApps> {
  const { startApps } = await import('../up/start-apps.js');
  try {
    return await startApps({ ...options, observability });
  } catch (error) {
    if (error instanceof CliError) throw error;
    const { message, exitCode = exitCodes.unavailable } = error as Error & { exitCode?: number };
    throw new CliError(`tidegate up: ${message}`, exitCode, { cause: error });
  }
}

/** A token that lasts a working day, for the lines to try; none when the auth service does not give one. */
async function tokenToTry({ demo }: TidegateConfig, { clients }: Secrets): Promise<string | undefined> {
  const address = demo?.auth?.[0];
  if (address === undefined || address.port === 0) return undefined;
  const wish = { client: clients[0], sub: 'alice', scopes: ['orders:read', 'orders:write'], ttlMs: 12 * 3_600_000 };
  return requestToken(new URL(`http://${formatAddress(address)}/auth/token`), wish).then(({ access_token }) => access_token, () => undefined);
}

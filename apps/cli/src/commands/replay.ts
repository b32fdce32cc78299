import { randomBytes } from 'node:crypto';
import { linkTargets, type TidegateConfig } from '@tidegate/config';
import { compileRoutes, matchRoute, normaliseTarget, strictTargetRules } from '@tidegate/routing';
import type { Command } from 'commander';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { openConfig, openSecrets } from '../open-config.js';
import { askAnalytics, awaitAnalytics } from '../replay/await-analytics.js';
import { boundOf, findOverBound, type BoundLimit, type ReplayFault } from '../replay/check-bounds.js';
import type { LogEntry } from '../replay/log-entry.js';
import { createProgressBar } from '../replay/progress-bar.js';
import { readLog, type ReadLogOptions, type RecordedLog } from '../replay/read-log.js';
import { buildReport, formatReport, isKept } from '../replay/replay-report.js';
import { sendLog } from '../replay/send-log.js';
import type { Tally } from '../replay/tally.js';
import { printJson, type Terminal } from '../terminal.js';

interface ReplayOptions {
  readonly log: string;
  readonly speed: string;
  readonly limit: string;
  readonly concurrency: string;
  readonly prefix: string;
  readonly fault: string;
  readonly wait: string;
  readonly url?: string;
  readonly analytics?: string;
  readonly config?: string;
  readonly json?: true;
}

const examples = `
Examples:
  tidegate replay --log test/fixtures/apache-excerpt.log
  tidegate replay --log access.log --speed 60          a recorded minute per second
  tidegate replay --log access.log --limit 1000 --json
  tidegate replay --log access.log --fault redis       while you kill Redis

Exit code 1 when a client was let through above burst + rate x T, or an event is missing or counted twice.`;

/** `tidegate replay`: recorded traffic through the running gateway, and whether every promise held. */
export function addReplayCommand(program: Command, terminal: Terminal): void {
  program
    .command('replay')
    .description('Send a recorded access log (Common, Combined, EDGAR CSV) through the gateway, each client as itself.')
    .requiredOption('-l, --log <FILE>', 'the log')
    .option('-s, --speed <FACTOR>', 'recorded seconds per second, or max: as fast as answers come', 'max')
    .option('-n, --limit <N>', 'requests to send at most', '10000000')
    .option('--concurrency <N>', 'requests in flight, 1 to 1024', '64')
    .option('--prefix <PATH>', 'put before every recorded path', '/site')
    .option('--fault <PART>', 'what may die meanwhile: none, redis, limiter; widens the bound by what that allows', 'none')
    .option('--wait <SECONDS>', 'for events to be counted at the end', '60')
    .option('--url <URL>', 'replay listener; default: listeners.replay')
    .option('--analytics <URL>', 'analytics API; default: listeners.analytics')
    .option('-c, --config <FILE>', 'configuration file')
    .option('--json', 'for scripts')
    .addHelpText('after', examples)
    .action((options: ReplayOptions) => runReplay(options, terminal));
}

async function runReplay(options: ReplayOptions, terminal: Terminal): Promise<void> {
  const config = openConfig(options.config, terminal);
  const settings = parseSettings(options, config);
  const { adminToken } = openSecrets(config);
  const limits = limitsOf(config, settings.prefix);
  const log = await openLog(options.log, { limit: settings.limit, findProblem: createTargetCheck(config, settings.prefix) });
  const run = randomBytes(6).toString('hex');
  const access = { api: settings.analytics, adminToken, run };
  // A replay may take an hour: who cannot count it is found out before.
  await askAnalytics(access, 0);
  const tally = await send(log.entries, settings, run);
  const bound = boundOf(limits, tally.spanMs, settings.fault);
  const sent = tally.sentCount;
  const analytics = await awaitAnalytics({ ...access, sent, patienceMs: settings.waitMs });
  const overBound = findOverBound(tally.clients, bound);
  const report = buildReport({ run, log: options.log, tally, skipped: log.skipped, bound, overBound, analytics });
  if (options.json === true) printJson(terminal, report);
  else terminal.out(formatReport(report));
  if (!isKept(report)) throw new CliError('', exitCodes.failed);
}

interface Settings {
  readonly origin: string;
  readonly analytics: URL;
  readonly prefix: string;
  readonly speed: number;
  readonly limit: number;
  readonly concurrency: number;
  readonly fault: ReplayFault;
  readonly waitMs: number;
}

function parseSettings(options: ReplayOptions, config: TidegateConfig): Settings {
  const targets = linkTargets(config);
  const replay = options.url ?? targets.replay;
  if (replay === undefined) throw new CliError('there is no replay listener: configure listeners.replay, or name one with --url', exitCodes.usage);
  const analytics = options.analytics ?? targets.analytics;
  for (const [name, url] of [['--url', replay], ['--analytics', analytics]] as const) {
    if (!URL.canParse(url)) throw new CliError(`${name}: expected a URL, got "${url}"`, exitCodes.usage);
  }
  if (!options.prefix.startsWith('/')) throw new CliError(`--prefix: expected a path such as /site, got "${options.prefix}"`, exitCodes.usage);
  if (!['none', 'redis', 'limiter'].includes(options.fault)) throw new CliError(`--fault: expected none, redis or limiter, got "${options.fault}"`, exitCodes.usage);
  return {
    origin: new URL(replay).origin,
    analytics: new URL(analytics),
    prefix: options.prefix.replace(/\/$/, ''),
    speed: options.speed === 'max' ? Number.POSITIVE_INFINITY : parseNumber('--speed', options.speed, [0.001, 1e9]),
    limit: parseNumber('--limit', options.limit, [1, 1e9]),
    concurrency: parseNumber('--concurrency', options.concurrency, [1, 1_024]),
    fault: options.fault as ReplayFault,
    waitMs: parseNumber('--wait', options.wait, [0, 3_600]) * 1_000,
  };
}

function parseNumber(name: string, text: string, [min, max]: readonly [number, number]): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  throw new CliError(`${name}: expected a number from ${min} to ${max}, got "${text}"`, exitCodes.usage);
}

/** Heads that the replay listener refuses get a fresh request id, so no one could say which line they were (gateway/H1). */
function createTargetCheck({ listeners }: TidegateConfig, prefix: string): (target: string) => string | undefined {
  const rules = listeners.replay ?? strictTargetRules;
  return (target) => {
    const normalised = normaliseTarget(`${prefix}${target}`, rules);
    return 'problem' in normalised ? normalised.problem : undefined;
  };
}

async function openLog(file: string, readOptions: ReadLogOptions): Promise<RecordedLog> {
  let log: RecordedLog;
  try {
    log = await readLog(file, readOptions);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CliError(`cannot read ${file}: ${code ?? (error as Error).message}`, exitCodes.usage, { cause: error });
  }
  if (log.entries.length > 0) return log;
  const why = log.skipped[0] === undefined ? 'it is empty' : `line ${log.skipped[0].line}: ${log.skipped[0].reason}`;
  throw new CliError(`${file} holds no line that can be replayed (${why}); expected the Common or Combined Log Format, or an EDGAR CSV`, exitCodes.usage);
}

/** The limits of the route that replayed requests take; none when it has no policy. */
function limitsOf(config: TidegateConfig, prefix: string): readonly BoundLimit[] {
  const match = matchRoute(compileRoutes(config.routes), { method: 'GET', authority: '', path: `${prefix}/`, query: '', fields: [] });
  const policy = match !== undefined && 'route' in match ? match.route.policy : undefined;
  return (policy === undefined ? [] : (config.limiter.policies[policy]?.limits ?? [])).filter(({ mode }) => mode === 'enforce');
}

async function send(entries: readonly LogEntry[], settings: Settings, run: string): Promise<Tally> {
  const bar = createProgressBar(process.stderr, entries.length, () => performance.now());
  const abort = new AbortController();
  const onInterrupt = (): void => abort.abort();
  process.once('SIGINT', onInterrupt);
  try {
    const { origin, prefix, speed, concurrency } = settings;
    return await sendLog(entries, { origin, pathPrefix: prefix, run, speed, concurrency, onProgress: (done) => bar.update(done), signal: abort.signal });
  } finally {
    bar.stop();
    process.removeListener('SIGINT', onInterrupt);
  }
}

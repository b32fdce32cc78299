import { linkTargets } from '@tidegate/config';
import { parseDurationMs } from '@tidegate/units';
import type { Command } from 'commander';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { formatTable } from '../format-table.js';
import { openConfig, openSecrets } from '../open-config.js';
import { requestJson } from '../request-json.js';
import { printJson, type Terminal } from '../terminal.js';

interface StatsOptions {
  readonly from: string;
  readonly to: string;
  readonly top: string;
  readonly url?: string;
  readonly config?: string;
  readonly json?: true;
}

interface Totals {
  readonly requests: number;
  readonly denied: number;
  readonly errors: number;
}

type Latency = Readonly<Record<'p50' | 'p90' | 'p99', number | null>>;

/** What the analytics API says of a span; the form of `--json`. */
interface Stats {
  readonly from: string;
  readonly to: string;
  readonly totals: Totals;
  readonly statuses: Readonly<Record<string, number>>;
  readonly latencyMs: Latency;
  readonly routes: readonly (Totals & { readonly route: string; readonly latencyMs: Latency })[];
  readonly clients: readonly { readonly client: string; readonly requests: number; readonly allowed: number; readonly denied: number }[];
  readonly limits: readonly { readonly policy: string; readonly limit: string; readonly requests: number; readonly denied: number; readonly degraded: number }[];
}

/** `tidegate stats`: what came to the front door. */
export function addStatsCommand(program: Command, terminal: Terminal): void {
  program
    .command('stats')
    .description('Requests, top routes, top clients, denials by limit and latency, from analytics.')
    .option('--from <TIME>', 'start: how long ago (15m, 24h) or a time (2026-01-31T12:00:00Z)', '1h')
    .option('--to <TIME>', 'end: likewise; default: now', 'now')
    .option('--top <N>', 'rows per table, 1 to 1000', '10')
    .option('--url <URL>', 'analytics API; default: listeners.analytics')
    .option('-c, --config <FILE>', 'configuration file')
    .option('--json', 'for scripts')
    .addHelpText('after', '\nExamples:\n  tidegate stats\n  tidegate stats --from 15m --top 20\n  tidegate stats --from 2026-01-31T12:00:00Z --to 2026-01-31T13:00:00Z --json')
    .action((options: StatsOptions) => printStats(options, terminal));
}

async function printStats(options: StatsOptions, terminal: Terminal): Promise<void> {
  const config = openConfig(options.config, terminal);
  const { adminToken } = openSecrets(config);
  const base = options.url ?? linkTargets(config).analytics;
  if (!URL.canParse(base)) throw new CliError(`--url: expected a URL, got "${base}"`, exitCodes.usage);
  const stats = await askStats(new URL(base), adminToken, options);
  if (options.json === true) printJson(terminal, stats);
  else terminal.out(formatStats(stats));
}

async function askStats(base: URL, adminToken: string, { from, to, top }: StatsOptions): Promise<Stats> {
  if (!/^[1-9]\d{0,3}$/.test(top) || Number(top) > 1_000) throw new CliError(`--top: expected 1 to 1000, got "${top}"`, exitCodes.usage);
  const span = { from: toApiTime(from), to: toApiTime(to) };
  const ask = <T>(path: string, query: Record<string, string>): Promise<T> => {
    const url = new URL(`${path}?${new URLSearchParams({ ...span, ...query }).toString()}`, base);
    return requestJson<T>({ url, headers: { authorization: `Bearer ${adminToken}` }, who: 'analytics', hint: 'start it with "tidegate up", or name another with --url' });
  };
  const [summary, routes, clients, limits] = await Promise.all([
    ask<Omit<Stats, 'routes' | 'clients' | 'limits'>>('/v1/summary', {}),
    ask<{ items: Stats['routes'] }>('/v1/top', { by: 'route', pageSize: top }),
    ask<{ items: Stats['clients'] }>('/v1/top', { by: 'client', pageSize: top }),
    ask<{ items: Stats['limits'] }>('/v1/top', { by: 'limit', sort: 'denied', pageSize: top }),
  ]);
  const { from: start, to: end, totals, statuses, latencyMs } = summary;
  return { from: start, to: end, totals, statuses, latencyMs, routes: routes.items, clients: clients.items, limits: limits.items };
}

/** `15m` is fifteen minutes ago; everything else is the API's own form. */
const toApiTime = (text: string): string => (parseDurationMs(text) === undefined ? text : `now-${text}`);

function formatStats({ from, to, totals, statuses, latencyMs, routes, clients, limits }: Stats): string {
  if (totals.requests === 0) return `No requests from ${from} to ${to}.`;
  const number = (title: string) => ({ title, isNumber: true });
  const byStatus = Object.entries(statuses).map(([status, count]) => `${status}: ${count}`);
  const denials = limits.filter(({ denied }) => denied > 0);
  return [
    `${from} to ${to}`,
    `${totals.requests} requests, ${totals.denied} denied, ${totals.errors} errors; ${byStatus.join(', ')}`,
    `latency: p50 ${toMs(latencyMs.p50)}, p90 ${toMs(latencyMs.p90)}, p99 ${toMs(latencyMs.p99)}`,
    '',
    formatTable(
      [{ title: 'ROUTE' }, number('REQUESTS'), number('DENIED'), number('ERRORS'), number('P50'), number('P90'), number('P99')],
      routes.map((row) => [row.route, row.requests, row.denied, row.errors, toMs(row.latencyMs.p50), toMs(row.latencyMs.p90), toMs(row.latencyMs.p99)]),
    ),
    '',
    formatTable([{ title: 'CLIENT' }, number('REQUESTS'), number('ALLOWED'), number('DENIED')], clients.map((row) => [row.client, row.requests, row.allowed, row.denied])),
    '',
    denials.length === 0
      ? 'No limit denied anything.'
      : formatTable([{ title: 'LIMIT' }, number('CHECKS'), number('DENIED'), number('DEGRADED')], denials.map((row) => [`${row.policy}/${row.limit}`, row.requests, row.denied, row.degraded])),
  ].join('\n');
}

const toMs = (value: number | null): string => (value === null ? '-' : `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`);

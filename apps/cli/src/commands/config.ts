import { checkConfig, formatProblem, type CheckedConfig, type TidegateConfig } from '@tidegate/config';
import { compileRoutes, explainRoute, normaliseTarget, type RouteExplanation } from '@tidegate/routing';
import type { Command } from 'commander';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { formatTable } from '../format-table.js';
import { configFileOf, openConfig } from '../open-config.js';
import { printJson, type Terminal } from '../terminal.js';

/** `tidegate config check|explain`. */
export function addConfigCommand(program: Command, terminal: Terminal): void {
  const config = program.command('config').description('Check tidegate.yaml, and ask it where a request goes.');
  config
    .command('check [FILE]')
    .description('Check a configuration completely: every mistake at once, as file:line:column path: message.')
    .option('--json', 'for scripts')
    .addHelpText('after', '\nExamples:\n  tidegate config check\n  tidegate config check deploy/config/compose.yaml\n  tidegate config check --json | jq .configVersion')
    .action((file: string | undefined, { json }: { json?: true }) => check(configFileOf(file, terminal), json === true, terminal));
  config
    .command('explain METHOD URL')
    .description('Say which route takes a request, which others match, and why this one wins.')
    .option('-H, --header <NAME: VALUE>', 'a field of the request; may be repeated', collect, [])
    .option('-c, --config <FILE>', 'configuration file')
    .option('--json', 'for scripts')
    .addHelpText('after', '\nExamples:\n  tidegate config explain GET http://localhost:8080/api/products/7\n  tidegate config explain POST https://api.example.com/api/orders -H "x-canary: yes"')
    .action((method: string, url: string, options: ExplainOptions) => explain({ ...options, method, url }, terminal));
}

interface ExplainOptions {
  readonly header: readonly string[];
  readonly config?: string;
  readonly json?: true;
}

const collect = (value: string, before: readonly string[]): string[] => [...before, value];

function check(file: string, isJson: boolean, terminal: Terminal): void {
  const { config, problems } = checkConfig({ file, env: terminal.env });
  if (isJson) printJson(terminal, toCheckReport(file, { config, problems }));
  else if (config === undefined) terminal.err(problems.map((problem) => formatProblem(problem)).join('\n'));
  else terminal.out(`${file}: ok, version ${config.configVersion}: ${countsOf(config)}`);
  const mistakes = problems.length === 1 ? '1 mistake' : `${problems.length} mistakes`;
  if (config === undefined) throw new CliError(isJson ? '' : `${file}: ${mistakes}`, exitCodes.usage);
}

const toCheckReport = (file: string, { config, problems }: Pick<CheckedConfig, 'config' | 'problems'>) => ({
  file,
  ok: config !== undefined,
  configVersion: config?.configVersion ?? null,
  problems,
});

function countsOf({ routes, services, limiter, auth }: TidegateConfig): string {
  const counts = { routes: routes.length, services: Object.keys(services).length, policies: Object.keys(limiter.policies).length, providers: Object.keys(auth.providers).length };
  return Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ');
}

function explain({ method, url, header, config: option, json }: ExplainOptions & { method: string; url: string }, terminal: Terminal): void {
  const config = openConfig(option, terminal);
  const explanation = explainRoute(compileRoutes(config.routes), toHead({ method, url, header }, config));
  if (json === true) printJson(terminal, { method: method.toUpperCase(), url, winner: null, ...explanation });
  else printExplanation(explanation, terminal);
  if (explanation.winner === undefined) throw new CliError('', exitCodes.failed);
}

function toHead({ method, url, header }: { method: string; url: string; header: readonly string[] }, { listeners }: TidegateConfig) {
  const [, authority = '', target = ''] = /^https?:\/\/([^/?#]*)([^#]*)/i.exec(url) ?? [];
  if (authority === '') throw new CliError(`expected a URL such as http://localhost:8080/api/products, got "${url}"`, exitCodes.usage);
  const normalised = normaliseTarget(target.startsWith('/') ? target : `/${target}`, listeners.public);
  if ('problem' in normalised) throw new CliError(`the gateway answers 400 to this target: ${normalised.problem}`, exitCodes.failed);
  return { method: method.toUpperCase(), authority: authority.toLowerCase(), path: normalised.path, query: normalised.query, fields: header.flatMap((one) => toField(one)) };
}

function toField(text: string): string[] {
  const colon = text.indexOf(':');
  if (colon < 1) throw new CliError(`expected a field such as "x-canary: yes", got "${text}"`, exitCodes.usage);
  return [text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()];
}

function printExplanation({ candidates, winner, params, why, allow }: RouteExplanation, terminal: Terminal): void {
  if (candidates.length > 0) {
    const rows = candidates.map(({ route, match, failed, behindBy }, at) => [route === winner ? '*' : '', at + 1, route, match, failed.join('; ') || (behindBy === '' ? '' : `behind by ${behindBy}`)]);
    terminal.out(formatTable([{ title: '' }, { title: '#', isNumber: true }, { title: 'ROUTE' }, { title: 'MATCH' }, { title: 'NOTE' }], rows));
  }
  terminal.out(why);
  for (const [name, value] of Object.entries(params)) terminal.out(`  {${name}} = ${value}`);
  if (allow !== undefined) terminal.out(`The gateway answers 405, Allow: ${allow.join(', ')}`);
  else if (winner === undefined) terminal.out('The gateway answers 404.');
}

import { parseDurationMs } from '@tidegate/units';
import { linkTargets } from '@tidegate/config';
import type { Command } from 'commander';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { openConfig, openSecrets } from '../open-config.js';
import { requestJson } from '../request-json.js';
import { printJson, type Terminal } from '../terminal.js';

interface TokenOptions {
  readonly sub?: string;
  readonly scope: readonly string[];
  readonly ttl: string;
  readonly url?: string;
  readonly config?: string;
  readonly json?: true;
}

/** `tidegate token`: the token alone on standard output. */
export function addTokenCommand(program: Command, terminal: Terminal): void {
  program
    .command('token')
    .description('Get an access token from the auth service of the demo.')
    .option('--sub <SUBJECT>', 'whom the token is for; default: the command line client itself')
    .option('--scope <SCOPES...>', 'scopes to ask for; default: all that may be had', [])
    .option('--ttl <DURATION>', 'how long it is valid, such as 15m', '1h')
    .option('--url <URL>', 'token endpoint; default: /auth/token at the public listener')
    .option('-c, --config <FILE>', 'configuration file')
    .option('--json', 'the whole answer, for scripts')
    .addHelpText(
      'after',
      '\nExamples:\n  tidegate token --sub alice --scope orders:read\n  curl -H "Authorization: Bearer $(tidegate token --sub alice)" http://127.0.0.1:8080/api/orders\n  tidegate token --sub bob --scope orders:read users:read --ttl 15m --json',
    )
    .action((options: TokenOptions) => printToken(options, terminal));
}

async function printToken(options: TokenOptions, terminal: Terminal): Promise<void> {
  const config = openConfig(options.config, terminal);
  const ttlMs = parseDurationMs(options.ttl);
  if (ttlMs === undefined || ttlMs < 1_000) throw new CliError(`--ttl: expected a duration such as 15m, got "${options.ttl}"`, exitCodes.usage);
  const url = options.url ?? `${linkTargets(config).public}/auth/token`;
  if (!URL.canParse(url)) throw new CliError(`--url: expected a URL, got "${url}"`, exitCodes.usage);
  const { clients } = openSecrets(config);
  const answer = await requestToken(new URL(url), { client: clients[0], sub: options.sub, scopes: splitScopes(options.scope), ttlMs });
  const refused = splitScopes(options.scope).filter((scope) => !answer.scope.split(' ').includes(scope));
  if (refused.length > 0) terminal.err(`not granted: ${refused.join(' ')}`);
  if (options.json === true) printJson(terminal, answer);
  else terminal.out(answer.access_token);
}

const splitScopes = (scopes: readonly string[]): string[] => scopes.flatMap((one) => one.split(/[\s,]+/)).filter((one) => one !== '');

/** Answer of a token endpoint (RFC 6749 5.1). */
export interface TokenAnswer {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly scope: string;
}

/** What to ask a token endpoint for. */
export interface TokenWish {
  readonly client: { readonly id: string; readonly secret: string } | undefined;
  readonly sub?: string | undefined;
  readonly scopes?: readonly string[];
  readonly ttlMs: number;
}

/** Asks a token endpoint with client credentials (RFC 6749 4.4). */
export function requestToken(url: URL, { client, sub, scopes = [], ttlMs }: TokenWish): Promise<TokenAnswer> {
  const form = {
    grant_type: 'client_credentials',
    client_id: client?.id ?? '',
    client_secret: client?.secret ?? '',
    ttl: String(Math.round(ttlMs / 1_000)),
    ...(sub === undefined ? {} : { sub }),
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
  };
  return requestJson<TokenAnswer>({ url, form, who: 'the auth service', hint: 'start it with "tidegate up", or name another with --url' });
}

import { createApiKeyStore, type ApiKeyRecord, type ApiKeyStore } from '@tidegate/auth';
import { apiKeyPlaceOf } from '@tidegate/config';
import { name as nameSchema, parseDurationMs, systemClock } from '@tidegate/units';
import type { Command } from 'commander';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { formatTable } from '../format-table.js';
import { openConfig } from '../open-config.js';
import { printJson, type Terminal } from '../terminal.js';

interface CommonOptions {
  readonly config?: string;
  readonly json?: true;
}

interface CreateOptions extends CommonOptions {
  readonly consumer: string;
  readonly plan?: string;
  readonly scope: readonly string[];
  readonly expires?: string;
}

/** `tidegate keys create|list|rotate|revoke`. */
export function addKeysCommand(program: Command, terminal: Terminal): void {
  const keys = program.command('keys').description('API keys: make, list, replace, end. A change is in force everywhere within a second.');
  const add = (usage: string, description: string, examples: string): Command =>
    keys
      .command(usage)
      .description(description)
      .option('-c, --config <FILE>', 'configuration file')
      .option('--json', 'for scripts')
      .addHelpText('after', `\nExamples:\n  ${examples}`);
  add('create', 'Make a key. It is shown once; only its hash is kept.', 'tidegate keys create --consumer acme\n  tidegate keys create --consumer acme --plan gold --scope orders:read orders:write --expires 90d')
    .requiredOption('--consumer <NAME>', 'whose key it is')
    .option('--plan <NAME>', 'plan of the consumer')
    .option('--scope <SCOPES...>', 'scopes of the key', [])
    .option('--expires <DURATION>', 'how long it is good, such as 90d; default: for ever')
    .action((options: CreateOptions) => withStore(options, terminal, (store) => create(store, options, terminal)));
  add('list', 'List all keys, oldest first.', 'tidegate keys list\n  tidegate keys list --json | jq -r ".keys[].id"').action((options: CommonOptions) =>
    withStore(options, terminal, (store) => list(store, options, terminal)),
  );
  add('rotate ID', 'Make a key in place of another; both are good for a while.', 'tidegate keys rotate k_2vRZ0cE1mV0xkq3A --overlap 1h')
    .option('--overlap <DURATION>', 'how long the old key stays good', '24h')
    .action((id: string, options: CommonOptions & { overlap: string }) => withStore(options, terminal, (store) => rotate(store, { ...options, id }, terminal)));
  add('revoke ID', 'End a key now.', 'tidegate keys revoke k_2vRZ0cE1mV0xkq3A').action((id: string, options: CommonOptions) =>
    withStore(options, terminal, (store) => revoke(store, { ...options, id }, terminal)),
  );
}

async function withStore(options: CommonOptions, terminal: Terminal, work: (store: ApiKeyStore) => Promise<void>): Promise<void> {
  const place = apiKeyPlaceOf(openConfig(options.config, terminal));
  const quiet = { info: () => undefined, warn: () => undefined };
  const store = createApiKeyStore({ place, clock: systemClock, logger: quiet, health: { set: () => undefined } });
  try {
    await work(store);
  } catch (error) {
    if (error instanceof CliError) throw error;
    const where = 'redis' in place ? 'Redis (limiter.store.redis.url)' : place.file;
    throw new CliError(`API keys: ${where} cannot be used: ${(error as Error).message}; see that it is there and may be written`, exitCodes.unavailable, { cause: error });
  } finally {
    await store.close();
  }
}

async function create(store: ApiKeyStore, { consumer, plan, scope, expires, json }: CreateOptions, terminal: Terminal): Promise<void> {
  for (const [option, value] of Object.entries({ consumer, plan })) {
    if (value !== undefined && !nameSchema().safeParse(value).success) throw new CliError(`--${option}: expected 1 to 63 of a-z 0-9 _ . -, got "${value}"`, exitCodes.usage);
  }
  const expiresAtMs = expires === undefined ? undefined : systemClock.nowMs() + parseDuration('--expires', expires);
  const scopes = scope.flatMap((one) => one.split(/[\s,]+/)).filter((one) => one !== '');
  const { key, record } = await store.create({ consumer, plan, scopes, expiresAtMs });
  if (json === true) return printJson(terminal, { key, ...toListed(record, systemClock.nowMs()) });
  terminal.err(`${record.id} for ${record.consumer}; the key is shown only now:`);
  terminal.out(key);
}

async function list(store: ApiKeyStore, { json }: CommonOptions, terminal: Terminal): Promise<void> {
  const nowMs = systemClock.nowMs();
  const keys = (await store.list()).map((record) => toListed(record, nowMs));
  if (json === true) return printJson(terminal, { keys });
  if (keys.length === 0) return terminal.out('No keys yet; make one with "tidegate keys create --consumer NAME".');
  const rows = keys.map((key) => [key.id, key.consumer, key.plan ?? '-', key.scopes.join(' ') || '-', key.state, key.createdAt ?? '-', key.expiresAt ?? '-']);
  terminal.out(formatTable(['ID', 'CONSUMER', 'PLAN', 'SCOPES', 'STATE', 'CREATED', 'EXPIRES'].map((title) => ({ title })), rows));
}

async function rotate(store: ApiKeyStore, { id, overlap, json }: CommonOptions & { id: string; overlap: string }, terminal: Terminal): Promise<void> {
  const overlapMs = parseDuration('--overlap', overlap);
  const made = await store.rotate(id, overlapMs);
  if (made === undefined) throw new CliError(`no key ${id} is in force; "tidegate keys list" shows them`, exitCodes.failed);
  if (json === true) return printJson(terminal, { key: made.key, ...toListed(made.record, systemClock.nowMs()) });
  terminal.err(`${made.record.id} takes the place of ${id}, which stays good for ${overlap}; the key is shown only now:`);
  terminal.out(made.key);
}

async function revoke(store: ApiKeyStore, { id, json }: CommonOptions & { id: string }, terminal: Terminal): Promise<void> {
  if (!(await store.revoke(id))) throw new CliError(`there is no key ${id}; "tidegate keys list" shows them`, exitCodes.failed);
  if (json === true) printJson(terminal, { id, state: 'revoked' });
  else terminal.out(`${id} is revoked`);
}

function parseDuration(option: string, text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new CliError(`${option}: expected a duration such as 90d or 1h, got "${text}"`, exitCodes.usage);
  return ms;
}

/** A key as scripts see it; its hash stays where it is. */
function toListed({ id, consumer, plan, scopes, createdAtMs, expiresAtMs, revokedAtMs, replacedBy }: ApiKeyRecord, nowMs: number) {
  const isExpired = expiresAtMs !== undefined && expiresAtMs <= nowMs;
  const state = revokedAtMs !== undefined ? 'revoked' : isExpired ? 'expired' : replacedBy === undefined ? 'active' : 'replaced';
  const toText = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
  return { id, consumer, plan: plan ?? null, scopes, state, createdAt: toText(createdAtMs), expiresAt: toText(expiresAtMs), revokedAt: toText(revokedAtMs), replacedBy: replacedBy ?? null };
}

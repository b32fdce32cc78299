import { Command, CommanderError } from 'commander';
import { CliError } from './cli-error.js';
import { addConfigCommand } from './commands/config.js';
import { addKeysCommand } from './commands/keys.js';
import { addReplayCommand } from './commands/replay.js';
import { addStatsCommand } from './commands/stats.js';
import { addTokenCommand } from './commands/token.js';
import { addUpCommand } from './commands/up.js';
import { exitCodes } from './exit-codes.js';
import type { Terminal } from './terminal.js';

const helpFooter = `
Exit codes: 0 done, 1 the answer is no, 64 wrong command line or configuration, 69 something it needs is not there
(a port is taken, a service does not answer), 75 may work later.
The configuration is --config, else TIDEGATE_CONFIG, else tidegate.yaml in the working directory.`;

/** Runs one command line (without node and script) and returns its exit code. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = createProgram(terminal);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    return toExitCode(error, terminal);
  }
}

/** Every command with its help. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('tidegate')
    .description('API gateway: exact rate limits in front of your services, in one process or as a fleet.')
    .version('0.1.0', '-V, --version')
    .helpCommand(false)
    .showHelpAfterError('(see --help)')
    .addHelpText('after', helpFooter);
  for (const add of [addUpCommand, addConfigCommand, addKeysCommand, addTokenCommand, addStatsCommand, addReplayCommand]) add(program, terminal);
  for (const command of withChildren(program)) {
    command.exitOverride().configureOutput({ writeOut: (text) => terminal.out(text.trimEnd()), writeErr: (text) => terminal.err(text.trimEnd()) });
  }
  return program;
}

const withChildren = (command: Command): Command[] => [command, ...command.commands.flatMap((child) => withChildren(child))];

function toExitCode(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof CliError) {
    if (error.message !== '') terminal.err(error.message);
    return error.exitCode;
  }
  const text = error instanceof Error ? error.message : String(error);
  terminal.err(`tidegate: ${text}`);
  return exitCodes.failed;
}

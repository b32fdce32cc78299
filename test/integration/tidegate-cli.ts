import { resolve } from 'node:path';
import { startProcess } from '@tidegate/testkit';
import type { StackConfig } from './stack-config.js';

/** The built command. */
export const cliMain = resolve(import.meta.dirname, '../../apps/cli/dist/main.js');

/** What a command ended with. */
export interface CommandResult {
  readonly code: number | string;
  readonly output: string;
}

/** Runs a command of the built CLI on a configuration, to its end. */
export async function tidegate({ file }: Pick<StackConfig, 'file'>, ...args: string[]): Promise<CommandResult> {
  const running = startProcess(process.execPath, [cliMain, ...args], { env: { ...process.env, TIDEGATE_CONFIG: file } });
  const code = await running.exited;
  return { code, output: running.output() };
}

/** Runs a command with `--json`; its document. Throws with what was printed when it ended badly. */
export async function tidegateJson<T>(config: Pick<StackConfig, 'file'>, ...args: string[]): Promise<T> {
  const { code, output } = await tidegate(config, ...args, '--json');
  if (code !== 0) throw new Error(`tidegate ${args.join(' ')}: exit ${code}\n${output}`);
  return JSON.parse(output.slice(output.indexOf('{'))) as T;
}

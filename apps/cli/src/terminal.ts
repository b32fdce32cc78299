/** Where a command reads its surroundings and writes its answer. Specs pass their own. */
export interface Terminal {
  /** The answer, and nothing else: scripts read it. */
  out(text: string): void;
  /** Everything said beside the answer. */
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The terminal of the process. */
export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
  env: process.env,
};

/** Writes a value as JSON for scripts. */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out(JSON.stringify(value, undefined, 2));
}

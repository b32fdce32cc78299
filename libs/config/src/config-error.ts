/** One mistake in a configuration file, and where it stands. */
export interface ConfigProblem {
  /** File as it was named on the command line or by `include`. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** `services.orders.upstreams[0]`; '' for the file as a whole. */
  readonly path: string;
  /** What is wrong and what is right; never a value that came from the environment or a file. */
  readonly message: string;
}

/** The configuration cannot be used: every mistake in it, in the order of the file. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map((problem) => formatProblem(problem)).join('\n'));
    this.problems = problems;
  }
}

/** `file:line:col path: message`, the form editors and terminals can jump to. */
export function formatProblem({ file, line, column, path, message }: ConfigProblem): string {
  const where = `${file}:${line}:${column}`;
  return path === '' ? `${where} ${message}` : `${where} ${path}: ${message}`;
}

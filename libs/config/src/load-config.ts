import type { z } from 'zod';
import { ConfigError, type ConfigProblem } from './config-error.js';
import { configVersionOf } from './config-version.js';
import { findCrossProblems } from './cross-references.js';
import { toProblems, unknownKey, type IssueContext } from './issue-problems.js';
import { toJsonSchema } from './json-schema.js';
import { maskSubstituted } from './mask-substituted.js';
import { readConfigFile, type Environment } from './read-config-file.js';
import { toPlain, type SourceNode } from './source-tree.js';
import { tidegateSchema, type TidegateConfig } from './tidegate-schema.js';

/** Which file, and the environment its `${NAME}` come from. */
export interface LoadConfigOptions {
  readonly file: string;
  readonly env: Environment;
}

/** What a look at a file finds. */
export interface CheckedConfig {
  /** Undefined when there are problems. */
  readonly config: TidegateConfig | undefined;
  readonly problems: readonly ConfigProblem[];
  /** The file and all it includes. */
  readonly files: readonly string[];
}

/**
 * Reads and checks a configuration completely.
 * @throws ConfigError with every mistake of the file and of what it includes
 */
export function loadConfig(options: LoadConfigOptions): TidegateConfig {
  const { config, problems } = checkConfig(options);
  if (config === undefined) throw new ConfigError(problems);
  return config;
}

/** As loadConfig, without throwing. */
export function checkConfig({ file, env }: LoadConfigOptions): CheckedConfig {
  const { tree, problems, files } = readConfigFile(file, env);
  if (tree === undefined) return { config: undefined, problems: inOrder(problems, files), files };
  const parsed = parseParts(tree);
  // A value that could not be read at all is told once.
  const unread = new Set(problems.map((one) => placeText(one)));
  const found = [...problems, ...[...parsed.problems, ...findCrossProblems(tree, parsed.parts)].filter((one) => !unread.has(placeText(one)))];
  if (found.length > 0) return { config: undefined, problems: inOrder(maskSubstituted(found, tree), files), files };
  const config = Object.freeze({ ...parsed.parts, configVersion: configVersionOf(tree) }) as TidegateConfig;
  return { config, problems: [], files };
}

/** The parts that were right, each by itself, so that one wrong part does not hide the mistakes of the others. */
export type ParsedParts = Partial<z.output<typeof tidegateSchema>>;

function parseParts(tree: SourceNode): { parts: ParsedParts; problems: ConfigProblem[] } {
  const plain = toPlain(tree) as Record<string, unknown>;
  let jsonSchema: object | undefined;
  const context: IssueContext = { tree, jsonSchema: () => (jsonSchema ??= toJsonSchema()) };
  const problems = Object.keys(plain)
    .filter((key) => !(key in tidegateSchema.shape))
    .map((key) => unknownKey([key], context));
  const parts: { [key: string]: unknown } & ParsedParts = {};
  for (const [key, schema] of Object.entries<z.ZodType>(tidegateSchema.shape)) {
    const result = schema.safeParse(plain[key]);
    if (result.success) parts[key] = result.data;
    else problems.push(...toProblems(result.error.issues, context, [key]));
  }
  return { parts, problems };
}

const placeText = ({ file, line, column }: ConfigProblem): string => `${file}:${line}:${column}`;

/** By file in the order of reading, then by position; the same text at one place once. */
function inOrder(problems: readonly ConfigProblem[], files: readonly string[]): ConfigProblem[] {
  const unique = new Map(problems.map((one) => [`${placeText(one)}:${one.path}:${one.message}`, one]));
  return [...unique.values()].toSorted(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  );
}

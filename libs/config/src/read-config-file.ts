import { readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { ConfigProblem } from './config-error.js';
import { parseYaml } from './parse-yaml.js';
import { overlay, problemAt, type Place, type SourceMap, type SourceNode } from './source-tree.js';
import { createSubstitute, readErrors } from './substitute.js';

const fileBytesMax = 1_048_576;
const filesMax = 32;

/** The variables of the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A file with everything it includes, as one tree. */
export interface ReadConfig {
  /** Undefined when nothing could be read. */
  readonly tree: SourceNode | undefined;
  readonly problems: readonly ConfigProblem[];
  /** The file itself first, then what it includes: for watching, and for the order of problems. */
  readonly files: readonly string[];
}

/**
 * Reads a file and what its `include:` names (paths from the file's own folder), the included first: the file is laid
 * over them, maps key by key, everything else replaced, a bare key taken away.
 */
export function readConfigFile(file: string, env: Environment): ReadConfig {
  const reader = new ConfigReader(env);
  const tree = reader.read(file, { chain: [], namedAt: { file, line: 1, column: 1 } });
  return { tree, problems: reader.problems, files: reader.files };
}

/** How a file came to be read. */
interface Origin {
  /** Files whose `include` led here, outermost first. */
  readonly chain: readonly string[];
  readonly namedAt: Place;
  /** As the include has it. */
  readonly namedAs?: string | undefined;
}

class ConfigReader {
  readonly problems: ConfigProblem[] = [];
  readonly files: string[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  read(file: string, origin: Origin): SourceNode | undefined {
    const text = this.#readText(file, origin);
    if (text === undefined) return undefined;
    const { tree, problems } = parseYaml({ file, text, substitute: createSubstitute({ env: this.#env, directory: dirname(file) }) });
    this.problems.push(...problems);
    if (tree === undefined || tree.kind === 'map') return tree && this.#withIncluded(tree, file, origin);
    this.problems.push(problemAt(tree.place, [], 'expected a map of keys such as "version: 1"'));
    return undefined;
  }

  #withIncluded(tree: SourceMap, file: string, origin: Origin): SourceNode {
    const include = tree.entries.get('include')?.value;
    if (include === undefined) return tree;
    const chain = [...origin.chain, resolve(file)];
    const named = include.kind === 'list' ? include.items : [include];
    const included = named.map((node) => this.#readIncluded(node, chain, dirname(file)));
    const own: SourceNode = { ...tree, entries: new Map([...tree.entries].filter(([key]) => key !== 'include')) };
    return included.reduceRight<SourceNode>((over, base) => (base === undefined ? over : overlay(base, over)), own);
  }

  #readIncluded(node: SourceNode, chain: readonly string[], directory: string): SourceNode | undefined {
    const path = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
    const file = path === undefined || isAbsolute(path) ? path : join(directory, path);
    const refusal = this.#refusal(file, chain);
    if (refusal === undefined && file !== undefined) return this.read(file, { chain, namedAt: node.place, namedAs: path });
    this.problems.push(problemAt(node.place, ['include'], refusal ?? ''));
    return undefined;
  }

  #refusal(file: string | undefined, chain: readonly string[]): string | undefined {
    if (file === undefined) return 'expected the path of a file, or a list of them';
    if (chain.includes(resolve(file))) return 'this file is included by what it includes';
    return this.files.length >= filesMax ? `more than ${filesMax} files are included` : undefined;
  }

  #readText(file: string, { namedAt, namedAs }: Origin): string | undefined {
    this.files.push(file);
    try {
      if (statSync(file).size > fileBytesMax) throw Object.assign(new Error('too large'), { code: 'TOO_LARGE' });
      return readFileSync(file, 'utf8');
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      const reason = code === 'TOO_LARGE' ? 'it is larger than 1 MiB' : (readErrors[code] ?? 'not readable');
      this.problems.push(problemAt(namedAt, namedAs === undefined ? [] : ['include'], `cannot read ${namedAs ?? 'the file'}: ${reason}`));
      return undefined;
    }
  }
}

import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Alias, type Document, type Node, type YAMLMap } from 'yaml';
import type { ConfigProblem } from './config-error.js';
import { problemAt, type Place, type SourceEntry, type SourceNode, type SourcePath } from './source-tree.js';
import type { Substitute } from './substitute.js';

/** Nodes a file may hold once its aliases are followed; an alias bomb passes it at once. */
const nodesMax = 500_000;
const depthMax = 64;

/** What is needed to read one file. */
export interface YamlSource {
  readonly file: string;
  readonly text: string;
  readonly substitute: Substitute;
}

/** A tree with positions, as far as the file could be read, and the mistakes met on the way. */
export interface ParsedYaml {
  readonly tree: SourceNode | undefined;
  readonly problems: readonly ConfigProblem[];
}

/** Reads YAML 1.2 (core schema): one document, string keys, no key twice, aliases followed within bounds. */
export function parseYaml(source: YamlSource): ParsedYaml {
  const lines = new LineCounter();
  const document = parseDocument(source.text, { lineCounter: lines, prettyErrors: false, stringKeys: true, uniqueKeys: true });
  const reader = new TreeReader(source, document, lines);
  for (const { message, pos } of [...document.errors, ...document.warnings]) {
    reader.problem(reader.placeAt(pos[0]), [], toPlainMessage(message));
  }
  if (document.contents === null) {
    if (reader.problems.length === 0) reader.problem(reader.placeAt(0), [], 'the file is empty; it needs at least "version: 1"');
    return { tree: undefined, problems: reader.problems };
  }
  try {
    return { tree: reader.read(document.contents, []), problems: reader.problems };
  } catch (error) {
    if (!(error instanceof TreeTooLarge)) throw error;
    return { tree: undefined, problems: [...reader.problems, error.problem] };
  }
}

function toPlainMessage(message: string): string {
  const tag = /^Unresolved tag: (.+)$/.exec(message)?.[1];
  return tag === undefined ? (plainYamlMessages[message] ?? message) : `the tag ${tag} means nothing here; write the value without it`;
}

const plainYamlMessages: Readonly<Record<string, string>> = {
  'Map keys must be unique': 'this key stands twice in its map; remove one',
  'With stringKeys, all keys must be strings': 'keys must be plain text',
  'Source contains multiple documents; please use YAML.parseAllDocuments()': 'one file holds one document; remove what follows "---"',
};

/** The core schema has no other kinds. */
const isCoreScalar = (value: unknown): value is string | number | boolean => ['string', 'number', 'boolean'].includes(typeof value);

class TreeTooLarge extends Error {
  constructor(readonly problem: ConfigProblem) {
    super(problem.message);
  }
}

class TreeReader {
  readonly problems: ConfigProblem[] = [];
  readonly #source: YamlSource;
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #targets = new Map<Alias, Node | undefined>();
  #nodes = 0;

  constructor(source: YamlSource, document: Document, lines: LineCounter) {
    this.#source = source;
    this.#document = document;
    this.#lines = lines;
  }

  problem(place: Place, path: SourcePath, message: string): void {
    this.problems.push(problemAt(place, path, message));
  }

  placeAt(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#source.file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  read(node: unknown, path: SourcePath): SourceNode {
    const place = this.placeAt((node as Node | null)?.range?.[0] ?? 0);
    this.#count(place, path);
    if (isAlias(node)) return this.#readAlias(this.#targetOf(node), node.source, { place, path });
    if (isMap(node)) return this.#readMap(node, place, path);
    if (isSeq(node)) return { kind: 'list', place, items: node.items.map((item, at) => this.read(item, [...path, at])) };
    if (isScalar(node)) return this.#readScalar(node.value, node.type === 'PLAIN', { place, path });
    return { kind: 'scalar', place, value: null };
  }

  #count(place: Place, path: SourcePath): void {
    this.#nodes += 1;
    if (this.#nodes > nodesMax) throw new TreeTooLarge(problemAt(place, path, `the file grows past ${nodesMax} values when its aliases are followed`));
    if (path.length > depthMax) throw new TreeTooLarge(problemAt(place, path, `nested more than ${depthMax} levels deep`));
  }

  /** Looked up once: each look-up walks the whole document. */
  #targetOf(alias: Alias): Node | undefined {
    if (!this.#targets.has(alias)) this.#targets.set(alias, alias.resolve(this.#document));
    return this.#targets.get(alias);
  }

  #readAlias(target: Node | undefined, anchor: string, { place, path }: { place: Place; path: SourcePath }): SourceNode {
    if (target !== undefined) return { ...this.read(target, path), place };
    this.problem(place, path, `no anchor &${anchor} stands before this alias`);
    return { kind: 'scalar', place, value: null };
  }

  #readMap(map: YAMLMap, place: Place, path: SourcePath): SourceNode {
    const entries = new Map<string, SourceEntry>();
    for (const { key, value } of map.items) {
      if (!isScalar(key)) continue;
      const name = String(key.value);
      const keyPlace = this.placeAt(key.range?.[0] ?? 0);
      const read = this.read(value, [...path, name]);
      const isBare = value === null || (isScalar(value) && value.source === '');
      entries.set(name, { keyPlace, value: isBare ? { ...read, place: keyPlace } : read });
    }
    return { kind: 'map', place, entries };
  }

  #readScalar(value: unknown, isPlain: boolean, { place, path }: { place: Place; path: SourcePath }): SourceNode {
    if (typeof value === 'string' && value.includes('${')) {
      const result = this.#source.substitute(value, isPlain);
      if (result.problem !== undefined) this.problem(place, path, result.problem);
      return { kind: 'scalar', place, value: result.value, ...(result.isSubstituted ? { template: value } : {}) };
    }
    return { kind: 'scalar', place, value: isCoreScalar(value) ? value : null };
  }
}

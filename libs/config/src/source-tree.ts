import type { ConfigProblem } from './config-error.js';

/** A place in a file: line and column from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A YAML value that knows where it was written. */
export type SourceNode = SourceMap | SourceList | SourceScalar;

export interface SourceMap {
  readonly kind: 'map';
  readonly place: Place;
  readonly entries: Map<string, SourceEntry>;
}

export interface SourceEntry {
  readonly keyPlace: Place;
  readonly value: SourceNode;
}

export interface SourceList {
  readonly kind: 'list';
  readonly place: Place;
  readonly items: readonly SourceNode[];
}

export interface SourceScalar {
  readonly kind: 'scalar';
  readonly place: Place;
  readonly value: string | number | boolean | null;
  /** As it stands in the file, with `${...}`; set only when something was put in its place: such a value is never printed. */
  readonly template?: string;
}

/** Where in a tree: keys and list indexes from the root. */
export type SourcePath = readonly PropertyKey[];

/** The tree as plain data, for a schema. */
export function toPlain(node: SourceNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map((item) => toPlain(item));
  return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, toPlain(value)]));
}

/** The node at a path, or undefined. */
export function nodeAt(root: SourceNode, path: SourcePath): SourceNode | undefined {
  let node: SourceNode | undefined = root;
  for (const step of path) node = node === undefined ? undefined : childOf(node, step);
  return node;
}

/** Place of the value at a path; of the nearest value round it when there is none. */
export function placeOf(root: SourceNode, path: SourcePath): Place {
  let node = root;
  for (const step of path) {
    const child = childOf(node, step);
    if (child === undefined) break;
    node = child;
  }
  return node.place;
}

/** Place of the key that ends a path; of the nearest value round it when there is none. */
export function keyPlaceOf(root: SourceNode, path: SourcePath): Place {
  const parent = nodeAt(root, path.slice(0, -1));
  const entry = parent?.kind === 'map' ? parent.entries.get(String(path.at(-1))) : undefined;
  return entry?.keyPlace ?? placeOf(root, path);
}

/** A problem at a place. */
export function problemAt(place: Place, path: SourcePath, message: string): ConfigProblem {
  return { file: place.file, line: place.line, column: place.column, path: formatPath(path), message };
}

/** `routes[2].match.path`. */
export function formatPath(path: SourcePath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? String(step) : `.${String(step)}`;
  }
  return text;
}

/** Lays one tree over another: maps are merged key by key, everything else is replaced; a key without a value takes it away. */
export function overlay(base: SourceNode, over: SourceNode): SourceNode {
  if (base.kind !== 'map' || over.kind !== 'map') return over;
  const entries = new Map(base.entries);
  for (const [key, entry] of over.entries) {
    const below = entries.get(key);
    if (below !== undefined && isBare(entry.value)) entries.delete(key);
    else entries.set(key, below === undefined ? entry : { ...entry, value: overlay(below.value, entry.value) });
  }
  return { kind: 'map', place: over.place, entries };
}

/** Every scalar of a tree with its path. */
export function* scalarsOf(node: SourceNode, path: SourcePath = []): Generator<{ scalar: SourceScalar; path: SourcePath }> {
  if (node.kind === 'scalar') yield { scalar: node, path };
  else if (node.kind === 'list') for (const [at, item] of node.items.entries()) yield* scalarsOf(item, [...path, at]);
  else for (const [key, { value }] of node.entries) yield* scalarsOf(value, [...path, key]);
}

const isBare = (node: SourceNode): boolean => node.kind === 'scalar' && node.value === null;

function childOf(node: SourceNode, step: PropertyKey): SourceNode | undefined {
  if (node.kind === 'map') return node.entries.get(String(step))?.value;
  return node.kind === 'list' ? node.items[Number(step)] : undefined;
}

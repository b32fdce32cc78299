import { createHash } from 'node:crypto';
import type { SourceNode } from './source-tree.js';

/**
 * First 12 hex digits of the SHA-256 of the canonical form (gateway/K2, limiter/G3): the merged file as JSON with sorted
 * keys; comments, layout, key order, anchors and includes do not count. A value from the environment or a file stands in
 * it as its own hash, so a change of it changes the version and the form itself can be shown.
 */
export function configVersionOf(tree: SourceNode): string {
  return sha256(canonicalForm(tree)).slice(0, 12);
}

/** The canonical form: one line of JSON without a secret in it. */
export function canonicalForm(node: SourceNode): string {
  if (node.kind === 'list') return `[${node.items.map((item) => canonicalForm(item)).join(',')}]`;
  if (node.kind === 'scalar') return node.template === undefined ? JSON.stringify(node.value) : `{"sha256":"${sha256(String(node.value))}"}`;
  const entries = [...node.entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, { value }]) => `${JSON.stringify(key)}:${canonicalForm(value)}`).join(',')}}`;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

import { z } from 'zod';
import type { ConfigProblem } from './config-error.js';
import { suggest } from './did-you-mean.js';
import { knownKeys } from './known-keys.js';
import { keyPlaceOf, nodeAt, placeOf, problemAt, toPlain, type SourceNode, type SourcePath } from './source-tree.js';

type Issue = z.core.$ZodIssue;

/** What turns issues of a schema into problems of the file. */
export interface IssueContext {
  readonly tree: SourceNode;
  /** JSON Schema of the whole file: knows the keys of every place. */
  readonly jsonSchema: () => object;
}

/** Each mistake a schema found as one problem per key, at the key or the value it speaks of. */
export function toProblems(issues: readonly Issue[], context: IssueContext, base: SourcePath = []): ConfigProblem[] {
  return issues.flatMap((issue) => problemsOf(issue, [...base, ...issue.path], context));
}

function problemsOf(issue: Issue, path: SourcePath, context: IssueContext): ConfigProblem[] {
  const { tree } = context;
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...path, key], context));
  if (issue.code === 'invalid_key') {
    const reasons = issue.issues.map(({ message }) => message).join('; ');
    return [problemAt(keyPlaceOf(tree, path), path, `bad name "${String(path.at(-1))}": ${reasons}`)];
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return unionProblems(issue, path, context);
  return [problemAt(placeOf(tree, path), path, messageOf(issue, nodeAt(tree, path)))];
}

/** A key that no schema has, with what was probably meant. */
export function unknownKey(path: SourcePath, { tree, jsonSchema }: IssueContext): ConfigProblem {
  const key = String(path.at(-1));
  return problemAt(keyPlaceOf(tree, path), path, `unknown key "${key}"${suggest(key, knownKeys(jsonSchema(), path.slice(0, -1)))}`);
}

/** Speaks of the alternative that the value resembles; of the choice as a whole when it resembles none. */
function unionProblems(issue: z.core.$ZodIssueInvalidUnion, path: SourcePath, context: IssueContext): ConfigProblem[] {
  const entered = issue.errors.filter((branch) => branch.every((one) => one.path.length > 0 || one.code === 'unrecognized_keys'));
  const closest = entered.toSorted((a, b) => missesOf(a) - missesOf(b))[0];
  if (closest !== undefined) return toProblems(closest, context, path);
  const node = nodeAt(context.tree, path);
  const isGeneric = issue.message === '' || issue.message.startsWith('Invalid input');
  const choice = issue.errors.flatMap((branch) => branch.map((one) => expectationOf(one)));
  const expected = isGeneric ? `expected ${[...new Set(choice)].join(' or ')}` : issue.message;
  return [problemAt(placeOf(context.tree, path), path, `${expected}, got ${describe(node)}`)];
}

const missesOf = (branch: readonly Issue[]): number =>
  branch.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? 2 * issue.keys.length : issue.code === 'invalid_value' ? 3 : 1), 0);

function messageOf(issue: Issue, node: SourceNode | undefined): string {
  if (issue.code === 'custom' || issue.code === 'invalid_format') return issue.message;
  if (issue.code === 'invalid_union') {
    const options = (issue as { options?: readonly unknown[] }).options ?? [];
    return choose(options.map(String), node);
  }
  if (node === undefined) return `is missing; expected ${expectationOf(issue)}`;
  if (issue.code === 'invalid_value') return choose(issue.values.map(String), node);
  return `expected ${expectationOf(issue)}, got ${describe(node)}`;
}

function choose(options: readonly string[], node: SourceNode | undefined): string {
  const expected = options.length === 1 ? `expected ${options[0]}` : `expected one of ${options.join(', ')}`;
  if (node === undefined) return `is missing; ${expected}`;
  const value = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
  const hint = value === undefined ? '' : suggest(value, options);
  return `${expected}, got ${describe(node)}${hint.includes('did you mean') ? hint : ''}`;
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map of keys',
  record: 'a map of names',
  array: 'a list',
  null: 'nothing',
};

function expectationOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (!issue.message.startsWith('Invalid input')) return issue.message.replace(/^expected /, '');
      return typeWords[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.map(String).join(' or ');
    case 'too_small':
      return `${issue.inclusive === false ? 'more than' : 'at least'} ${String(issue.minimum)}${unitOf(issue.origin)}`;
    case 'too_big':
      return `${issue.inclusive === false ? 'less than' : 'at most'} ${String(issue.maximum)}${unitOf(issue.origin)}`;
    default:
      return issue.message;
  }
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' entries' : '';
}

function describe(node: SourceNode | undefined): string {
  if (node === undefined) return 'nothing';
  if (node.kind === 'list') return node.items.length === 0 ? 'an empty list' : `a list of ${node.items.length}`;
  if (node.kind === 'map') return node.entries.size === 0 ? 'an empty map' : `a map with ${[...node.entries.keys()].slice(0, 4).join(', ')}`;
  if (node.template !== undefined) return node.template;
  if (node.value === null) return 'nothing';
  const text = JSON.stringify(toPlain(node));
  return text.length <= 80 ? text : `${text.slice(0, 77)}..."`;
}

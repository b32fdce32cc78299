import type { ConfigProblem } from './config-error.js';
import { formatPath, scalarsOf, type SourceNode } from './source-tree.js';

/** Shorter values would also hide innocent words of a message. */
const maskedAnywhereFrom = 4;

/** Problems with every value that came from the environment or a file shown as it stands in the file: `${REDIS_URL}`. */
export function maskSubstituted(problems: readonly ConfigProblem[], tree: SourceNode): ConfigProblem[] {
  const secrets = secretsOf(tree);
  if (secrets.length === 0) return [...problems];
  return problems.map((problem) => ({ ...problem, message: mask(problem, secrets) }));
}

interface Secret {
  readonly path: string;
  readonly value: string;
  readonly template: string;
}

function secretsOf(tree: SourceNode): Secret[] {
  const secrets: Secret[] = [];
  for (const { scalar, path } of scalarsOf(tree)) {
    if (scalar.template === undefined) continue;
    secrets.push({ path: formatPath(path), value: String(scalar.value), template: scalar.template });
  }
  return secrets.sort((a, b) => b.value.length - a.value.length);
}

function mask({ path, message }: ConfigProblem, secrets: readonly Secret[]): string {
  let masked = message;
  for (const { value, template } of secrets) {
    masked = masked.replaceAll(`"${value}"`, () => template);
    if (value.length >= maskedAnywhereFrom) masked = masked.replaceAll(value, () => template);
  }
  // A message about the value itself may quote a part of it.
  const own = secrets.find((secret) => secret.path === path);
  return own === undefined ? masked : masked.replace(/, got (?!\$).*$/s, () => `, got ${own.template}`);
}

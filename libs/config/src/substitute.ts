import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/** What came of one scalar that holds `${...}`. */
export interface Substitution {
  readonly value: string | number | boolean | null;
  /** Something was put in: the value must not be printed. False when there were only `$${` escapes. */
  readonly isSubstituted: boolean;
  readonly problem?: string;
}

/** Puts the environment and files into one scalar. Plain (unquoted) ones are read as YAML again: `${PORT}` may be a number. */
export type Substitute = (text: string, isPlain: boolean) => Substitution;

/** Where values come from. */
export interface SubstituteOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative `${file:...}` paths start here. */
  readonly directory: string;
}

const secretFileBytesMax = 65_536;
const reference = /\$\$\{|\$\{([^}]*)\}|\$\{/g;
const variable = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/** Makes the function that resolves `${NAME}`, `${NAME:-default}` and `${file:path}`; `$${` stands for `${`. */
export function createSubstitute(options: SubstituteOptions): Substitute {
  return (text, isPlain) => {
    let problem: string | undefined;
    let isSubstituted = false;
    const value = text.replaceAll(reference, (match: string, inner?: string) => {
      if (match === '$${') return '${';
      isSubstituted = true;
      const found = resolveReference(inner, options);
      problem ??= found.problem;
      return found.value ?? '';
    });
    const isTyped = isPlain && isSubstituted && problem === undefined && !text.includes('${file:');
    return { value: isTyped ? toCoreScalar(value) : value, isSubstituted, ...(problem === undefined ? {} : { problem }) };
  };
}

interface Found {
  readonly value?: string;
  readonly problem?: string;
}

function resolveReference(inner: string | undefined, { env, directory }: SubstituteOptions): Found {
  if (inner === undefined) return { problem: 'a "${" without its "}"; write "$${" for the characters themselves' };
  if (inner.startsWith('file:')) return readSecretFile(inner.slice('file:'.length), directory);
  const [, name, fallback] = variable.exec(inner) ?? [];
  if (name === undefined) return { problem: `expected \${NAME}, \${NAME:-default} or \${file:path}, got "\${${inner}}"` };
  const value = env[name];
  if (fallback !== undefined) return { value: value === undefined || value === '' ? fallback : value };
  if (value === undefined) return { problem: `the environment variable ${name} is not set; set it, or give a default: \${${name}:-...}` };
  return { value };
}

/** One trailing line end is not part of a secret. */
function readSecretFile(path: string, directory: string): Found {
  const absolute = isAbsolute(path) ? path : join(directory, path);
  try {
    if (statSync(absolute).size > secretFileBytesMax) return { problem: `the file ${path} is larger than 64 KiB` };
    return { value: readFileSync(absolute, 'utf8').replace(/\r?\n$/, '') };
  } catch (error) {
    return { problem: `cannot read the file ${path}: ${readErrors[(error as NodeJS.ErrnoException).code ?? ''] ?? 'not readable'}` };
  }
}

/** Words for what keeps a file from being read, by errno. */
export const readErrors: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'no such directory',
};

/** YAML 1.2 core schema, as far as a variable can say it. */
function toCoreScalar(text: string): string | number | boolean | null {
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (/^(?:null|Null|NULL|~)$/.test(text)) return null;
  return /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/.test(text) ? Number(text) : text;
}

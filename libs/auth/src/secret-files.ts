import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

/** Makes the folder for secrets, readable by its owner only. A folder that is there stays as it is. */
export function ensureSecretFolder(directory: string): void {
  if (mkdirSync(directory, { recursive: true, mode: 0o700 }) !== undefined) chmodSync(directory, 0o700);
}

/**
 * Creates a file (0600) with this text unless it exists. Of several processes that try at once exactly one gets true, and
 * nobody ever sees half a file: the text is written aside and linked into place.
 */
export function createOnce(path: string, text: string): boolean {
  const aside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(aside, text, { mode: 0o600, flag: 'wx', flush: true });
  try {
    linkSync(aside, path);
    return true;
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw err;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Reads a secret; an error names the file and what to do, never its content. */
export function readSecret<T>(directory: string, file: string, parse: (text: string) => T): T {
  const path = join(directory, file);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (err) {
    const code = (err as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new Error(
      `secret ${path} cannot be read (${code}); "tidegate up" makes it at its first start, or set secrets.directory`,
      { cause: err },
    );
  }
  try {
    return parse(text);
  } catch {
    throw new Error(`secret ${path} is not valid; remove it and start again to have a new one made`);
  }
}

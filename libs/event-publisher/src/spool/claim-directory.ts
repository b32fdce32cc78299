import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A directory that is this process's until `release`. */
export interface ClaimedDirectory {
  readonly path: string;
  /** Gives it back, and removes it if nothing is left in it. */
  release(): void;
}

const ownerFile = 'owner';
const namesMax = 64;

/**
 * Claims `<base>/<instance>`, or `<instance>~2`, `~3`, ... when another live process has it, and with it all of these
 * names that no live process has: what they hold is a dead one's. An instance name must not be used by processes of
 * several hosts on one shared directory.
 * @returns the claimed directories, the own one first
 */
export function claimDirectories(base: string, instance: string): [ClaimedDirectory, ...ClaimedDirectory[]] {
  const name = instance.replaceAll(/[^A-Za-z0-9._-]/g, '_');
  const [own, ...others] = Array.from({ length: namesMax }, (_, at) => join(base, at === 0 ? name : `${name}~${at + 1}`));
  const claimed: ClaimedDirectory[] = [];
  for (const path of [own ?? base, ...others]) {
    if (claimed.length > 0 && !existsSync(path)) continue;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (claim(join(path, ownerFile))) claimed.push({ path, release: () => release(path) });
  }
  const [first, ...rest] = claimed;
  if (first === undefined) throw new Error(`${base}: all ${namesMax} directories of ${name} are in use; give each process its own instance name`);
  return [first, ...rest];
}

function claim(file: string): boolean {
  const me = identityOf(process.pid);
  for (let tries = 0; tries < 3; tries += 1) {
    try {
      writeFileSync(file, me, { flag: 'wx' });
      return true;
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'EEXIST') throw err;
    }
    const owner = readIfThere(file);
    if (owner !== undefined && isAlive(owner)) return false;
    if (owner !== undefined && !takeAway(file, owner)) return false;
  }
  return false;
}

/** Removes a dead owner's file; false when it was another's by then. */
function takeAway(file: string, dead: string): boolean {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return true;
  }
  const isDead = readIfThere(aside) === dead;
  if (isDead) rmSync(aside, { force: true });
  else renameSync(aside, file);
  return isDead;
}

function release(path: string): void {
  rmSync(join(path, ownerFile), { force: true });
  if (readdirSync(path).length === 0) rmdirSync(path);
}

function isAlive(owner: string): boolean {
  const pid = Number(owner.split(' ')[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return identityOf(pid) === owner;
}

/** The process's id and, where the system tells, when it started: ids are used again. One that only waits to be reaped is another. */
function identityOf(pid: number): string {
  const stat = readIfThere(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const isGone = fields[0] === 'Z' || fields[0] === 'X';
  return `${pid} ${isGone ? 'gone' : (fields[19] ?? '-')}`;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

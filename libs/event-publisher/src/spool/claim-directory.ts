import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** A directory that is this process's until `release`. */
export interface ClaimedDirectory {
  readonly path: string;
  /** Says that the owner lives; call it at least every `heartbeatMs`. */
  beat(): void;
  /** Gives it back, and removes it if nothing is left in it. */
  release(): void;
}

/** How often an owner says that it lives, and how long after the last time another host's counts as dead. */
export const heartbeatMs = 30_000;
const silentMs = 4 * heartbeatMs;

/** Files of the spool, by number. */
export const segmentName = /^\d{12}\.spool$/;

const ownerFile = 'owner';
const namesMax = 64;

/** Claims `<base>/<instance>`, or `<instance>~2`, `~3`, ... when another live process has it. */
export function claimOwn(base: string, instance: string): ClaimedDirectory {
  const name = instance.replaceAll(/[^A-Za-z0-9._-]/g, '_');
  for (let number = 1; number <= namesMax; number += 1) {
    const path = join(base, number === 1 ? name : `${name}~${number}`);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (claim(path)) return toClaimed(path);
  }
  throw new Error(`${base}: all ${namesMax} directories of ${name} are in use; give each process its own instance name`);
}

/**
 * Claims every directory under `base` that nobody lives in, whatever its name: a host's name may change from start to
 * start. One that another host owns counts as dead when its owner has been silent for two minutes.
 */
export function claimAbandoned(base: string): ClaimedDirectory[] {
  const names = readdirSync(base, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const paths = names.map((entry) => join(base, entry.name)).sort();
  return paths.filter((path) => isOurs(path) && claim(path)).map((path) => toClaimed(path));
}

/** Other directories may stand beside the spool's. */
function isOurs(path: string): boolean {
  return readdirSync(path).some((name) => name === ownerFile || segmentName.test(name));
}

function toClaimed(path: string): ClaimedDirectory {
  return { path, beat: () => beat(join(path, ownerFile)), release: () => release(path) };
}

function claim(path: string): boolean {
  const file = join(path, ownerFile);
  for (let tries = 0; tries < 3; tries += 1) {
    if (writeNew(file, identityOf(process.pid))) return true;
    const owner = readIfThere(file);
    if (owner === undefined) {
      if (!existsSync(path)) return false;
      continue;
    }
    if (isAlive(owner, file) || !takeAway(file, owner)) return false;
  }
  return false;
}

function writeNew(file: string, text: string): boolean {
  try {
    writeFileSync(file, text, { flag: 'wx' });
    return true;
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    throw err;
  }
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

function beat(file: string): void {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // Gone with its directory: there is nothing to keep.
  }
}

function release(path: string): void {
  rmSync(join(path, ownerFile), { force: true });
  if (existsSync(path) && readdirSync(path).length === 0) rmdirSync(path);
}

/** Of the own host the system knows; another host's process shows it by its heartbeat. */
function isAlive(owner: string, file: string): boolean {
  const [host = '', id = ''] = owner.split(' ');
  const pid = Number(id);
  if (host !== hostname()) return Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) < silentMs;
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return identityOf(pid) === owner;
}

/** Host, process id and, where the system tells, when it started: ids are used again. One that only waits to be reaped is another. */
function identityOf(pid: number): string {
  const stat = readIfThere(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const isGone = fields[0] === 'Z' || fields[0] === 'X';
  return `${hostname()} ${pid} ${isGone ? 'gone' : (fields[19] ?? '-')}`;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { unwatchFile, watchFile } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiKeyRecord } from './api-key.js';
import type { AuthLogger, HealthSink } from './jwks-source.js';
import { apiKeysCheck, indexByHash, parseRecords, reasonOf, type KeyBackend } from './key-backend.js';

/** Looking at the file this often keeps "in force within 1 s"; unlike change notices it works on every kind of mount. */
const lookEveryMs = 300;
const lock = { waitMs: 5_000, retryMs: 10, staleMs: 10_000 };

/** Keeps records in a JSON file: written aside and renamed into place, one writer at a time. A missing file holds none. */
export function createFileKeyBackend(
  file: string,
  { logger, health }: { logger: AuthLogger; health: HealthSink },
): KeyBackend {
  let byHash: Map<string, ApiKeyRecord> | undefined;
  const load = async (): Promise<void> => {
    try {
      byHash = indexByHash(await readRecords(file));
      health.set(apiKeysCheck, true);
    } catch (err) {
      const reason = `API keys cannot be read from ${file}: ${reasonOf(err)}`;
      if (byHash === undefined) health.set(apiKeysCheck, false, reason);
      logger.warn({ file }, byHash === undefined ? reason : `${reason}; the last ones stay in force`);
    }
  };
  const onChange = (): void => void load();
  watchFile(file, { interval: lookEveryMs, persistent: false }, onChange);
  health.set(apiKeysCheck, false, 'API keys are not loaded yet');
  void load();
  return {
    get byHash() {
      return byHash;
    },
    read: () => readRecords(file),
    async update(change) {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await withLock(`${file}.lock`, async () => {
        const records = await readRecords(file);
        const changed = new Map(change(records).map((record) => [record.id, record]));
        if (changed.size > 0)
          await writeRecords(file, [...records.filter(({ id }) => !changed.has(id)), ...changed.values()]);
      });
      await load();
    },
    close() {
      unwatchFile(file, onChange);
      return Promise.resolve();
    },
  };
}

async function readRecords(file: string): Promise<ApiKeyRecord[]> {
  try {
    const content = JSON.parse(await readFile(file, 'utf8')) as { keys?: unknown };
    return parseRecords(content.keys);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw err;
  }
}

async function writeRecords(file: string, keys: readonly ApiKeyRecord[]): Promise<void> {
  const aside = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const handle = await open(aside, 'wx', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify({ version: 1, keys }, undefined, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(aside, file);
}

/** Runs work while nobody else holds the lock file; takes over one that its holder left behind. */
async function withLock(path: string, work: () => Promise<void>): Promise<void> {
  const triesMax = lock.waitMs / lock.retryMs;
  for (let tries = 0; !(await take(path)); tries += 1) {
    if (tries >= triesMax) throw new Error(`another process holds ${path}`);
    await sleep(lock.retryMs);
  }
  try {
    await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path: string): Promise<boolean> {
  try {
    await (await open(path, 'wx', 0o600)).close();
    return true;
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'EEXIST') throw err;
    const held = await stat(path).catch(() => undefined);
    if (held !== undefined && Date.now() - held.mtimeMs > lock.staleMs) await rm(path, { force: true });
    return false;
  }
}

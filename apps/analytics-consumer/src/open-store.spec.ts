import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess, waitUntil } from '@tidegate/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { specFolder } from './fixture.spec-support.js';
import { openStore, StoreError } from './open-store.js';

const memoryBytesMax = 128 * 1024 ** 2;

describe('openStore', () => {
  let folder: ReturnType<typeof specFolder>;
  let file: string;
  beforeEach(() => {
    folder = specFolder();
    file = join(folder.path, 'deep', 'a.duckdb');
  });
  afterEach(() => folder.remove());

  const refusal = async (): Promise<StoreError> => {
    const outcome = await openStore({ file, memoryBytesMax }).then((store) => store.close(), (error: unknown) => error);
    expect(outcome).toBeInstanceOf(StoreError);
    return outcome as StoreError;
  };

  it('analytics/7: the second process on one file is told who holds it, for exit 75', async () => {
    const code = `import { DuckDBInstance } from '@duckdb/node-api';
      import { mkdirSync } from 'node:fs';
      mkdirSync(${JSON.stringify(join(folder.path, 'deep'))});
      await DuckDBInstance.create(${JSON.stringify(file)}); console.log('open'); setInterval(() => {}, 1000);`;
    const holder = startProcess(process.execPath, ['--input-type=module', '-e', code], { cwd: import.meta.dirname });
    await waitUntil('the other process holds the file', () => holder.output().includes('open') || undefined);
    const error = await refusal();
    expect(error.exitCode).toBe(75);
    expect(error.message).toContain(String(holder.pid));
    await holder.stop();
  });

  it('analytics/7: a second handle in this process is refused, and leaves the lock of the first in place', async () => {
    const store = await openStore({ file, memoryBytesMax });
    expect((await refusal()).exitCode).toBe(75);
    const code = `import { DuckDBInstance } from '@duckdb/node-api';
      await DuckDBInstance.create(${JSON.stringify(file)}).then(() => console.log('open'), () => console.log('refused'));`;
    const other = startProcess(process.execPath, ['--input-type=module', '-e', code], { cwd: import.meta.dirname });
    await other.exited;
    expect(other.output()).toContain('refused');
    store.close();
  });

  it.each([
    ['a text in place of the file', 0, 'this is no database'],
    ['its header overwritten', 4_096, '\u0007'.repeat(8_192)],
    ['its data overwritten', 12_288, '\u0007'.repeat(8_192)],
  ])('analytics/7: a damaged file is refused with the way back (%s)', async (_what, at, bytes) => {
    const store = await openStore({ file, memoryBytesMax });
    store.close();
    if (at === 0) writeFileSync(file, bytes);
    else {
      const handle = openSync(file, 'r+');
      writeSync(handle, bytes, at);
      closeSync(handle);
    }
    const error = await refusal();
    expect(error.exitCode).toBe(65);
    expect(error.message).toMatch(/restore a copy|rebuild it from what Kafka still has/);
    expect(error.message).toContain(`mv '${file}'`);
  });

  it('says what is wrong with a folder it may not make', async () => {
    writeFileSync(join(folder.path, 'deep'), 'a file where the folder should be');
    expect((await refusal()).exitCode).toBe(73);
  });

  it('runs no query that reads a file', async () => {
    const store = await openStore({ file, memoryBytesMax });
    const connection = await store.connect();
    await expect(connection.run("SELECT * FROM read_text('/etc/hostname')")).rejects.toThrow(/disabled by configuration/);
    await expect(connection.run('SET enable_external_access = true')).rejects.toThrow(/locked/);
    connection.closeSync();
    store.close();
  });
});

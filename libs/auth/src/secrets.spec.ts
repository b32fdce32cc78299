import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureSecrets, loadSecrets, verifyPassword } from './index.js';

let parent = '';
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'tidegate-secrets-'));
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

/** Runs ensureSecrets in another process, from the sources. */
async function ensureInOtherProcess(
  directory: string,
): Promise<{ adminToken: string; kid: string; made: string[]; demoPasswords: unknown[] }> {
  const hooks = `import { registerHooks } from 'node:module';
    registerHooks({ resolve: (name, context, next) => next(name.startsWith('./') && context.parentURL?.includes('/libs/auth/src/') ? name.replace(/\\.js$/, '.ts') : name, context) });`;
  const script = `import { ensureSecrets } from ${JSON.stringify(new URL('secrets.ts', import.meta.url).href)};
    const { adminToken, authSigningKey: { kid }, made, demoPasswords } = ensureSecrets(${JSON.stringify(directory)});
    console.log(JSON.stringify({ adminToken, kid, made, demoPasswords }));`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import',
    `data:text/javascript,${encodeURIComponent(hooks)}`,
    '--input-type=module',
    '-e',
    script,
  ]);
  return JSON.parse(stdout) as { adminToken: string; kid: string; made: string[]; demoPasswords: unknown[] };
}

describe('gateway/A11 first start', () => {
  it('gateway/A11: makes every secret once, for its owner only, and says what it made', async () => {
    const directory = join(parent, 'a', 'secrets');
    const first = ensureSecrets(directory);
    expect(first.made).toEqual([
      'admin-token',
      'internal-token-key.json',
      'auth-signing-key.json',
      'clients.json',
      'demo-users.json',
    ]);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const file of first.made) expect(statSync(join(directory, file)).mode & 0o777).toBe(0o600);
    const second = ensureSecrets(directory);
    expect(second).toEqual({ ...first, made: [], demoPasswords: [] });
    expect(loadSecrets(directory)).toMatchObject({ adminToken: first.adminToken, internalTokenKey: first.internalTokenKey });
  });

  it('gateway/A11: two folders share nothing', () => {
    const [one, two] = [ensureSecrets(join(parent, '1')), ensureSecrets(join(parent, '2'))];
    expect(one.adminToken).not.toBe(two.adminToken);
    expect(one.authSigningKey.x).not.toBe(two.authSigningKey.x);
    expect(one.internalTokenKey.key).not.toEqual(two.internalTokenKey.key);
  });

  it('gateway/A11: a password is shown once; its file holds a hash of it', async () => {
    const { demoPasswords, demoUsers, directory } = ensureSecrets(parent);
    expect(demoPasswords.map(({ name }) => name)).toEqual(['alice', 'bob']);
    const content = readFileSync(join(directory, 'demo-users.json'), 'utf8');
    for (const { name, password } of demoPasswords) {
      expect(content).not.toContain(password);
      const hash = demoUsers.find((user) => user.name === name)?.passwordHash ?? '';
      expect(await verifyPassword(password, hash)).toBe(true);
      expect(await verifyPassword(`${password}x`, hash)).toBe(false);
    }
    expect(await verifyPassword('', 'nonsense')).toBe(false);
  });

  it('gateway/A11: processes that start at once get one set, and one of them the passwords', async () => {
    const directory = join(parent, 'secrets');
    const all = await Promise.all(Array.from({ length: 4 }, () => ensureInOtherProcess(directory)));
    expect(new Set(all.map(({ adminToken, kid }) => `${adminToken} ${kid}`)).size).toBe(1);
    expect(all.flatMap(({ made }) => made).sort()).toEqual([
      'admin-token',
      'auth-signing-key.json',
      'clients.json',
      'demo-users.json',
      'internal-token-key.json',
    ]);
    expect(all.filter(({ demoPasswords }) => demoPasswords.length > 0)).toHaveLength(1);
  });

  it('gateway/A11: a file that was removed is made anew, the others stay', () => {
    const first = ensureSecrets(parent);
    rmSync(join(parent, 'admin-token'));
    const second = ensureSecrets(parent);
    expect(second.made).toEqual(['admin-token']);
    expect(second.adminToken).not.toBe(first.adminToken);
    expect(second.authSigningKey).toEqual(first.authSigningKey);
  });

  it('gateway/A11: a missing or broken secret is named with what to do, and never shown', () => {
    expect(() => loadSecrets(parent)).toThrow(/admin-token cannot be read \(ENOENT\); "tidegate up" makes it/);
    ensureSecrets(parent);
    const file = join(parent, 'internal-token-key.json');
    chmodSync(file, 0o600);
    writeFileSync(file, '{"kid":"hush-hush"}');
    expect(() => loadSecrets(parent)).toThrow(/internal-token-key\.json is not valid/);
    expect(() => loadSecrets(parent)).not.toThrow(/hush/);
  });
});

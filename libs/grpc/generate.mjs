// Writes libs/grpc/src/generated from proto/. `--check` writes nothing and fails when the committed code is stale.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const buf = join(here, '../../node_modules/.bin/buf');
const check = process.argv.includes('--check');
const backup = mkdtempSync(join(tmpdir(), 'tidegate-grpc-'));
const generated = join(here, 'src/generated');
if (check) cpSync(generated, backup, { recursive: true });
rmSync(generated, { recursive: true, force: true });
execFileSync(buf, ['generate'], { cwd: here, stdio: 'inherit' });
if (check) {
  try {
    execFileSync('diff', ['-r', backup, generated], { stdio: 'inherit' });
  } catch {
    console.error('generated code was stale: run `npm run generate` and commit libs/grpc/src/generated');
    process.exitCode = 1;
  }
}
rmSync(backup, { recursive: true, force: true });

// `npm test`: fetches the real parts the specs need, builds, runs every spec, and says loudly what was skipped.
//   npm test                       everything
//   npm test -- libs/proxy         only specs whose path contains libs/proxy
// TIDEGATE_TEST_STRICT=1 turns every skip for a missing part into a failure.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const skips = mkdtempSync(join(tmpdir(), 'tidegate-skips-'));
const env = { ...process.env, TIDEGATE_TEST_SKIPS: skips, NX_DAEMON: 'false', FORCE_COLOR: process.env.FORCE_COLOR ?? '0' };
const run = (command, args) => spawnSync(command, args, { cwd: root, env, stdio: 'inherit' }).status ?? 1;

const howTo = {
  redis: 'install redis-server (apt-get install redis-server, brew install redis) and run npm test again',
  kafka: 'install a Java 17 runtime and Maven (apt-get install openjdk-17-jre-headless maven) and run npm test again',
};

run(process.execPath, ['test/parts/fetch.mjs', 'redis', 'kafka']);
let code = run('npm', ['run', '--silent', 'build']);
if (code === 0) code = run('npx', ['vitest', 'run', ...process.argv.slice(2)]);

const missing = existsSync(skips) ? [...new Set(readdirSync(skips).map((file) => file.replace(/-\d+$/, '')))] : [];
rmSync(skips, { recursive: true, force: true });
for (const part of missing) {
  console.log(`\n*** SKIPPED: every suite that needs a real ${part}. To run them: ${howTo[part] ?? `see test/parts for ${part}`}. ***`);
}
process.exit(code);

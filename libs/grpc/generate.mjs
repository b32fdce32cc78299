// Writes libs/grpc/src/generated from proto/. `--check` writes nothing and fails when the committed code is stale.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
useOwnWire();
writeDescriptors();
if (check) {
  try {
    execFileSync('diff', ['-r', backup, generated], { stdio: 'inherit' });
  } catch {
    console.error('generated code was stale: run `npm run generate` and commit libs/grpc/src/generated');
    process.exitCode = 1;
  }
}
rmSync(backup, { recursive: true, force: true });

/** The same contracts as a FileDescriptorSet, so that server reflection needs no .proto file at run time. */
function writeDescriptors() {
  const proto = join(here, '../../proto');
  const set = execFileSync(buf, ['build', proto, '--path', join(proto, 'tidegate/ratelimit'), '--exclude-source-info', '--as-file-descriptor-set', '-o', '-#format=binpb']);
  const lines = (set.toString('base64').match(/.{1,120}/g) ?? []).map((line) => `  '${line}',`);
  writeFileSync(
    join(generated, 'descriptors.ts'),
    `// Written by libs/grpc/generate.mjs. DO NOT EDIT.\n\n/** google.protobuf.FileDescriptorSet of proto/tidegate/ratelimit, base64. */\nexport const rateLimitDescriptorSet: string = [\n${lines.join('\n')}\n].join('');\n`,
  );
}

/** Generated code reads and writes with src/wire.ts, whose 64-bit integers are numbers already. */
function useOwnWire() {
  for (const name of readdirSync(generated, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))) {
    const file = join(generated, name);
    const up = '../'.repeat(name.split(/[\\/]/).length);
    const text = readFileSync(file, 'utf8')
      .replace('from "@bufbuild/protobuf/wire"', `from "${up}wire.js"`)
      .replace('const num = globalThis.Number(int64.toString());', 'const num = typeof int64 === "number" ? int64 : globalThis.Number(int64.toString());');
    writeFileSync(file, text);
  }
}

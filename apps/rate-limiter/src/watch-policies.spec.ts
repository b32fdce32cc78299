import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PolicySet } from '@tidegate/rate-limit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchPolicies } from './watch-policies.js';

const file = (burst: number): string => `version: 1
limiter:
  policies:
    users: { subject: "{client}", limits: [{ name: burst, key: "{client}", rate: 1, per: 1s, burst: ${burst} }] }
`;

let folder = '';
let stop = (): void => {};
const seen: (number | string)[] = [];

const limiter = {
  replacePolicies: (set: PolicySet) => void seen.push(set.policies.get('users')?.limits[0]?.undividedBurst ?? -1),
  refusePolicies: (reason: string) => void seen.push(reason),
};

function start(name: string): void {
  stop = watchPolicies({ file: name, env: {}, configVersion: 'aaaaaaaaaaaa', limiter });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidegate-watch-'));
  seen.length = 0;
});
afterEach(() => {
  stop();
  rmSync(folder, { recursive: true });
});

describe('limiter/G2: the policies of the file come into force', () => {
  it('when it is written', async () => {
    const name = join(folder, 'tidegate.yaml');
    writeFileSync(name, file(1));
    start(name);
    writeFileSync(name, file(2));
    await expect.poll(() => seen.at(-1)).toBe(2);
  });

  it('when another takes its name', async () => {
    const name = join(folder, 'tidegate.yaml');
    writeFileSync(name, file(1));
    start(name);
    for (const burst of [2, 3]) {
      writeFileSync(join(folder, 'next'), file(burst));
      renameSync(join(folder, 'next'), name);
      await expect.poll(() => seen.at(-1)).toBe(burst);
    }
  });

  it('when the folder behind a symlink is swapped, as Kubernetes does', async () => {
    for (const [version, burst] of [['v1', 1], ['v2', 2]] as const) {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, 'tidegate.yaml'), file(burst));
    }
    symlinkSync('v1', join(folder, '..data'));
    symlinkSync('..data/tidegate.yaml', join(folder, 'tidegate.yaml'));
    start(join(folder, 'tidegate.yaml'));
    symlinkSync('v2', join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    await expect.poll(() => seen.at(-1)).toBe(2);
  });

  it('and a bad one is refused with the place of every mistake', async () => {
    const name = join(folder, 'tidegate.yaml');
    writeFileSync(name, file(1));
    start(name);
    writeFileSync(name, file(0));
    await expect.poll(() => seen.at(-1)).toContain('tidegate.yaml:4:');
    writeFileSync(name, file(4));
    await expect.poll(() => seen.at(-1)).toBe(4);
  });
});

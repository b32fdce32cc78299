import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Real parts that specs talk to. */
export type Part = 'redis' | 'kafka';

/** Where fetched parts are kept between runs and clones; `npm test` fills it. */
export const partsDirectory = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tidegate-test');

const onPath = (name: string): string | undefined =>
  (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name)).find((file) => existsSync(file));

/** Path of a redis-server: on PATH, or unpacked from the Debian package by `npm test`. */
export function findRedisServer(): string | undefined {
  const fetched = join(partsDirectory, 'redis/usr/bin/redis-server');
  return onPath('redis-server') ?? (existsSync(fetched) ? fetched : undefined);
}

/** Java and the folder of Kafka's jars, once `npm test` has fetched them. */
export function findKafka(): { readonly java: string; readonly libs: string } | undefined {
  const java = onPath('java');
  const libs = join(partsDirectory, 'kafka-4.3.0/libs');
  const isThere = existsSync(libs) && readdirSync(libs).some((file) => file.startsWith('kafka_2.13-'));
  return java !== undefined && isThere ? { java, libs } : undefined;
}

/**
 * Whether a part is there; use with `describe.skipIf(!has('redis'))`. A skip is noted, and `npm test` says so loudly
 * at the end; with TIDEGATE_TEST_STRICT=1 a missing part is an error instead.
 */
export function has(part: Part): boolean {
  const found = part === 'redis' ? findRedisServer() : findKafka();
  if (found !== undefined) return true;
  if (process.env['TIDEGATE_TEST_STRICT'] === '1') throw new Error(`${part} is not there: run \`node test/parts/fetch.mjs ${part}\``);
  noteSkip(part);
  return false;
}

function noteSkip(part: Part): void {
  const folder = process.env['TIDEGATE_TEST_SKIPS'];
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${part}-${process.pid}`), part);
}

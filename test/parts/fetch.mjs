// Finds or fetches the real parts the specs talk to: `node test/parts/fetch.mjs redis kafka`. Prints a line per part.
// What is fetched is kept in the user's cache folder, so that the next clone finds it. Exit 0 even when a part is
// missing: the specs that need it are skipped, and `npm test` says so.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tidegate-test');
const run = (command, args, options = {}) => execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 300_000, ...options });
const works = (command, ...args) => {
  try {
    run(command, args);
    return true;
  } catch {
    return false;
  }
};

function fetchRedis() {
  const target = join(cache, 'redis');
  if (works('redis-server', '--version') || works(join(target, 'usr/bin/redis-server'), '--version')) return 'found';
  if (!works('apt-get', '--version')) return 'missing: install redis-server (Debian, Homebrew or redis.io) and put it on PATH';
  if (process.getuid?.() === 0) {
    if (!works('apt-get', 'install', '-y', '--no-install-recommends', 'redis-server')) {
      works('apt-get', 'update', '-qq');
      works('apt-get', 'install', '-y', '--no-install-recommends', 'redis-server');
    }
    return works('redis-server', '--version') ? 'installed from the Debian package' : 'missing: apt-get install redis-server failed';
  }
  mkdirSync(target, { recursive: true });
  const folder = mkdtempSync(join(cache, 'deb-'));
  try {
    run('apt-get', ['download', 'redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1'], { cwd: folder });
    for (const file of readdirSync(folder)) run('dpkg', ['-x', join(folder, file), target]);
  } catch {
    return 'missing: run `apt-get install redis-server` as root';
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return works(join(target, 'usr/bin/redis-server'), '--version') ? 'unpacked from the Debian package' : 'missing: run `apt-get install redis-server` as root';
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>tidegate</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.3.0</version></dependency></dependencies></project>
`;

function fetchKafka() {
  const target = join(cache, 'kafka-4.3.0');
  if (!works('java', '-version')) return 'missing: install a Java 17 runtime';
  if (existsSync(join(target, 'libs'))) return 'found';
  if (!works('mvn', '-v')) return 'missing: install Maven (it fetches the jars of Kafka 4.3.0 from Maven Central)';
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'kafka-'));
  try {
    writeFileSync(join(folder, 'pom.xml'), pom);
    run('mvn', ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=libs'], { cwd: folder, timeout: 600_000 });
    rmSync(target, { recursive: true, force: true });
    renameSync(folder, target);
  } catch {
    rmSync(folder, { recursive: true, force: true });
    return 'missing: Maven could not fetch org.apache.kafka:kafka_2.13:4.3.0';
  }
  return 'fetched from Maven Central';
}

const parts = { redis: fetchRedis, kafka: fetchKafka };
for (const name of process.argv.slice(2)) {
  const fetchPart = parts[name];
  if (fetchPart === undefined) {
    console.error(`unknown part ${name}; known: ${Object.keys(parts).join(', ')}`);
    process.exit(64);
  }
  console.log(`${name}: ${fetchPart()}`);
}

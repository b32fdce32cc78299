// Where the CPU goes: one tier under load with --cpu-prof, its functions by their own time.
//   node test/bench/profile.mjs one-process|ingress|limiter [allowed|denied|deniedByTen] [SECONDS] [ROWS]
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { paths } from './bench-config.mjs';
import { load, requestsAs } from './load.mjs';
import { measuredCore, otherCore, root } from './processes.mjs';
import { createScope, startOneProcess, startPinnedKafka, startPinnedRedis, startTiers, startUpstream } from './stack.mjs';

const [tier = 'one-process', path = 'allowed', seconds = '8', rows = '40'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'tidegate-profile-'));
const scope = createScope();
const stack = await startProfiled();
const run = (duration) => load({ port: stack.ports.public, seconds: duration, connections: 64, requests: requestsAs(100, paths[path]) });
await run(5);
// The profiler's clock, in microseconds.
const fromUs = Number(process.hrtime.bigint()) / 1_000;
const { done, statuses } = await run(Number(seconds));
const untilUs = Number(process.hrtime.bigint()) / 1_000;
await scope.stopAll();
console.log(`${tier} ${path}: ${done} requests`, statuses);
for (const [where, share] of selfTimes().slice(0, Number(rows))) console.log(`${(share * 100).toFixed(1).padStart(5)} %  ${where}`);
rmSync(folder, { recursive: true });

async function startProfiled() {
  const upstream = await startUpstream(scope, { egressStub: tier === 'ingress' });
  if (tier === 'one-process') return startOneProcess(scope, { upstream: upstream.port, cpuProfile: folder });
  const [redis, kafka] = [await startPinnedRedis(scope), await startPinnedKafka(scope)];
  const options = { upstream: upstream.port, redis: redis.url, kafka: kafka.brokers, egress: `http://127.0.0.1:${upstream.port}` };
  const cores = { limiter: tier === 'limiter' ? measuredCore : otherCore, ingress: tier === 'limiter' ? otherCore : measuredCore };
  return startTiers(scope, { ...options, cores, cpuProfile: { tier, folder } });
}

/** [function and line, share of the busy time] while the load ran, most first. */
function selfTimes() {
  const times = new Map();
  let total = 0;
  for (const file of readdirSync(folder)) {
    const { nodes, samples, timeDeltas, startTime } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
    let nowUs = startTime;
    for (const [at, id] of samples.entries()) {
      nowUs += timeDeltas[at];
      const { functionName, url, lineNumber } = frames.get(id);
      if (functionName === '(idle)' || nowUs < fromUs || nowUs > untilUs) continue;
      const where = `${functionName} ${url.replace(`file://${root}`, '').replace(/.*node_modules\//, '')}:${lineNumber + 1}`;
      times.set(where, (times.get(where) ?? 0) + timeDeltas[at]);
      total += timeDeltas[at];
    }
  }
  return [...times].map(([where, time]) => [where, time / total]).toSorted((a, b) => b[1] - a[1]);
}

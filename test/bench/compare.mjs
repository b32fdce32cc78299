// Rounds: every case once, next to the baseline, again and again; ratios are taken within a round.
import { assertStatus, load } from './load.mjs';
import { cpuMs } from './processes.mjs';

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * CPU per request of every case, in bare hops.
 * @param cases `{ name, port, requests | requestsNow(), status, pids: { part: pid } }`; the first is the baseline
 * @returns by name: `{ hops, partHops, microseconds, perSecond, spread }`, medians over the rounds
 */
export async function compareCpu(cases, { rounds, seconds, warmUpSeconds, connections = 64, log }) {
  const run = (one, duration) => load({ port: one.port, seconds: duration, connections, requests: one.requests ?? one.requestsNow() });
  for (const one of cases) {
    log(`  warm-up: ${one.name}`);
    await run(one, warmUpSeconds);
  }
  const samples = new Map(cases.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const one of cases) samples.get(one.name).push(await sample(one, (duration) => run(one, duration), seconds));
    log(`  round ${round + 1}: ${cases.map(({ name }) => `${name} ${Math.round(samples.get(name).at(-1).total)} us`).join(', ')}`);
  }
  const [baseline] = cases;
  return Object.fromEntries(cases.map(({ name }) => [name, summarise(samples.get(name), samples.get(baseline.name))]));
}

async function sample({ name, status, pids }, run, seconds) {
  const before = Object.entries(pids).map(([part, pid]) => [part, pid, cpuMs(pid)]);
  const result = await run(seconds);
  const parts = Object.fromEntries(before.map(([part, pid, ms]) => [part, ((cpuMs(pid) - ms) * 1_000) / result.done]));
  assertStatus(name, result, status);
  return { parts, total: Object.values(parts).reduce((sum, value) => sum + value, 0), perSecond: result.done / seconds };
}

function summarise(samples, baseline) {
  const ratios = samples.map(({ total }, round) => total / baseline[round].total);
  const parts = Object.keys(samples[0].parts);
  return {
    hops: median(ratios),
    spread: [Math.min(...ratios), Math.max(...ratios)],
    partHops: Object.fromEntries(parts.map((part) => [part, median(samples.map((one, round) => one.parts[part] / baseline[round].total))])),
    microseconds: median(samples.map(({ total }) => total)),
    perSecond: median(samples.map(({ perSecond }) => perSecond)),
  };
}

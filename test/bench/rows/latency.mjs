// (d) p99 both tiers add at 2,000 requests/s, open loop. The ingress has a core to itself; what stands behind it shares the other with the generator.
import { paths } from '../bench-config.mjs';
import { median } from '../compare.mjs';
import { assertStatus, load, requestsAs } from '../load.mjs';
import { measuredCore, otherCore } from '../processes.mjs';
import { createScope, startBareHop, startOneProcess, startPinnedKafka, startPinnedRedis, startTiers, startUpstream } from '../stack.mjs';

const ratePerSecond = 2_000;

export async function measureLatency({ rounds, seconds, warmUpSeconds, log }) {
  const scope = createScope();
  try {
    const upstream = await startUpstream(scope);
    const hop = await startBareHop(scope, upstream);
    const [redis, kafka] = [await startPinnedRedis(scope), await startPinnedKafka(scope)];
    const cores = { limiter: otherCore, egress: otherCore, ingress: measuredCore };
    const tiers = await startTiers(scope, { upstream: upstream.port, redis: redis.url, kafka: kafka.brokers, cores });
    const one = await startOneProcess(scope, { upstream: upstream.port });
    const ports = { direct: upstream.port, hop: hop.port, tiers: tiers.ports.public, one: one.ports.public };
    const samples = await sampleAll(ports, { rounds, seconds, warmUpSeconds, log });
    return { measured: samples, rows: toRows(samples) };
  } finally {
    await scope.stopAll();
  }
}

async function sampleAll(ports, { rounds, seconds, warmUpSeconds, log }) {
  const run = (port, duration, rate) => load({ port, seconds: duration, connections: 64, ratePerSecond: rate, requests: requestsAs(100, paths.allowed) });
  // Saturated, so that the compiler is done; then at the rate that is measured.
  for (const port of Object.values(ports)) await run(port, warmUpSeconds, 0);
  for (const port of Object.values(ports)) await run(port, Math.min(2, warmUpSeconds), ratePerSecond);
  const samples = Object.fromEntries(Object.keys(ports).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, port] of Object.entries(ports)) {
      const result = await run(port, Math.max(seconds, 2), ratePerSecond);
      assertStatus(name, result, 200);
      samples[name].push(result.latencyMs);
    }
    log(`  round ${round + 1}: p99 ${Object.entries(samples).map(([name, all]) => `${name} ${all.at(-1).p99}`).join(', ')} ms`);
  }
  return samples;
}

function toRows(samples) {
  const added = (name, quantile) => median(samples[name].map((sample, round) => sample[quantile] - samples.direct[round][quantile]));
  const row = (id, what, name, targets = {}) => ({ id, what, value: added(name, 'p99'), unit: 'ms', ...targets });
  return [
    row('d', 'p99 added by both tiers at 2,000 requests/s, separate processes', 'tiers', { target: 2.5, stretch: 2 }),
    row('d-one', '  beside: the same in one process', 'one'),
    row('d-hop', '  beside: the same by the bare hop', 'hop'),
    { id: 'd-p50', what: '  beside: p50 added, separate processes', value: added('tiers', 'p50'), unit: 'ms' },
  ];
}

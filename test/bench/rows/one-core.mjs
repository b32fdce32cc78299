// (c) All processes on one core.
import { paths } from '../bench-config.mjs';
import { compareCpu } from '../compare.mjs';
import { requestsAs } from '../load.mjs';
import { measuredCore } from '../processes.mjs';
import { createScope, startBareHop, startPinnedKafka, startPinnedRedis, startTiers, startUpstream } from '../stack.mjs';

export async function measureOneCore(options) {
  const scope = createScope();
  try {
    const upstream = await startUpstream(scope);
    const hop = await startBareHop(scope, upstream);
    const [redis, kafka] = [await startPinnedRedis(scope, measuredCore), await startPinnedKafka(scope)];
    const cores = { limiter: measuredCore, egress: measuredCore, ingress: measuredCore };
    const stack = await startTiers(scope, { upstream: upstream.port, redis: redis.url, kafka: kafka.brokers, cores });
    const of = (name, path, status) => ({ name, port: stack.ports.public, requests: requestsAs(100, path), status, pids: { ...stack.pids, redis: redis.pid } });
    const measured = await compareCpu(
      [
        { name: 'hop', port: hop.port, requests: requestsAs(100, paths.allowed), status: 200, pids: { hop: hop.pid } },
        of('allowed', paths.allowed, 200),
        of('denied', paths.denied, 429),
        of('deniedByTen', paths.deniedByTen, 429),
      ],
      options,
    );
    return { measured, rows: toRows(measured) };
  } finally {
    await scope.stopAll();
  }
}

function toRows({ allowed, denied, deniedByTen }) {
  const unit = 'bare hops';
  return [
    { id: 'c', what: 'separate processes, all on one core (Kafka on the other)', value: allowed.hops, unit, target: 5, stretch: 4 },
    ...Object.entries(allowed.partHops).map(([part, value]) => ({ id: `c-${part}`, what: `  of it: ${part}`, value, unit })),
    { id: 'c-denied', what: 'all on one core: denied', value: denied.hops, unit, target: 1.6 },
    { id: 'c-denied-ten', what: 'all on one core: denied by the last of 10 limits', value: deniedByTen.hops, unit, target: 1.6 },
  ];
}

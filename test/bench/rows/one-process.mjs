// (a) One process with in-process links.
import { paths } from '../bench-config.mjs';
import { compareCpu } from '../compare.mjs';
import { requestsAs } from '../load.mjs';
import { createScope, startBareHop, startOneProcess, startPinnedRedis, startUpstream } from '../stack.mjs';

export async function measureOneProcess(options) {
  const scope = createScope();
  try {
    const upstream = await startUpstream(scope);
    const hop = await startBareHop(scope, upstream);
    const redis = await startPinnedRedis(scope);
    const memory = await startOneProcess(scope, { upstream: upstream.port });
    const onRedis = await startOneProcess(scope, { upstream: upstream.port, redis: redis.url });
    const whole = await startOneProcess(scope, { upstream: upstream.port, analytics: true });
    const of = (name, stack, path, { status = 200, more = {} } = {}) => ({ name, port: stack.ports.public, requests: requestsAs(100, path), status, pids: { process: stack.pid, ...more } });
    const measured = await compareCpu(
      [
        { name: 'hop', port: hop.port, requests: requestsAs(100, paths.allowed), status: 200, pids: { hop: hop.pid } },
        of('memory', memory, paths.allowed),
        of('denied', memory, paths.denied, { status: 429 }),
        of('deniedByTen', memory, paths.deniedByTen, { status: 429 }),
        of('redis', onRedis, paths.allowed, { more: { redis: redis.pid } }),
        of('analytics', whole, paths.allowed),
      ],
      options,
    );
    return { measured, rows: toRows(measured) };
  } finally {
    await scope.stopAll();
  }
}

function toRows({ hop, memory, denied, deniedByTen, redis, analytics }) {
  const unit = 'bare hops';
  return [
    { id: 'hop', what: 'the bare hop itself', value: hop.microseconds, unit: 'ms CPU per 1,000 requests' },
    { id: 'a', what: 'one process: JWT + limit + events (events made and handed over; analytics not in it)', value: memory.hops, unit, target: 2.2, stretch: 1.7 },
    { id: 'a-redis', what: 'one process, buckets in Redis (Redis counted)', value: redis.hops, unit, target: 2.2, stretch: 1.7 },
    { id: 'a-analytics', what: '  beside: what the analytics consumer in the same process adds', value: analytics.hops - memory.hops, unit },
    { id: 'a-denied', what: 'one process: denied', value: denied.hops, unit, target: 1.0 },
    { id: 'a-denied-ten', what: 'one process: denied by the last of 10 limits', value: deniedByTen.hops, unit, target: 1.0 },
  ];
}

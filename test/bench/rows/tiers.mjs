// (b) Each tier saturated by itself on one core, the rest on the other, summed.
import { createInternalTokens } from '../../../libs/auth/dist/index.js';
import { systemClock } from '../../../libs/units/dist/index.js';
import { paths } from '../bench-config.mjs';
import { compareCpu } from '../compare.mjs';
import { requestHead, requestsAs } from '../load.mjs';
import { measuredCore, otherCore } from '../processes.mjs';
import { createScope, startBareHop, startPinnedKafka, startPinnedRedis, startTiers, startUpstream } from '../stack.mjs';

/**
 * The ingress cannot be saturated by real tiers behind it on one core, so a stub answers for the egress there; limiter, Redis
 * and Kafka are real, and what they use is measured at the rate a saturated ingress asks them. The egress is fed what an
 * ingress sends.
 */
export async function measureTiers(options) {
  const scope = createScope();
  try {
    const upstream = await startUpstream(scope);
    const hop = await startBareHop(scope, upstream);
    const stub = await startUpstream(scope, { egressStub: true });
    const [redis, kafka] = [await startPinnedRedis(scope), await startPinnedKafka(scope)];
    const common = { upstream: upstream.port, redis: redis.url, kafka: kafka.brokers };
    const front = await startTiers(scope, { ...common, egress: `http://127.0.0.1:${stub.port}`, cores: { limiter: otherCore, ingress: measuredCore } });
    const back = await startTiers(scope, { ...common, cores: { egress: measuredCore } });
    const parts = { ingress: front.pids.ingress, limiter: front.pids.limiter, redis: redis.pid };
    const of = (name, path, status) => ({ name, port: front.ports.public, requests: requestsAs(100, path), status, pids: parts });
    const measured = await compareCpu(
      [
        { name: 'hop', port: hop.port, requests: requestsAs(100, paths.allowed), status: 200, pids: { hop: hop.pid } },
        of('front', paths.allowed, 200),
        { name: 'egress', port: back.ports.egress, requestsNow: () => egressRequests(back), status: 200, pids: { egress: back.pids.egress } },
        of('denied', paths.denied, 429),
        of('deniedByTen', paths.deniedByTen, 429),
        { name: 'kafka', port: front.ports.public, requests: requestsAs(100, paths.allowed), status: 200, pids: { kafka: kafka.pid } },
      ],
      options,
    );
    return { measured, rows: toRows(measured) };
  } finally {
    await scope.stopAll();
  }
}

/** What an ingress sends; its token lives for a minute, so it is made for each run of the generator. */
export function egressRequests({ secrets }) {
  const token = createInternalTokens({ ...secrets.internalTokenKey, instance: 'bench', clock: systemClock }).current();
  return Array.from({ length: 100 }, (_, user) => {
    const id = String(user).padStart(32, '7');
    return requestHead(paths.allowed, [
      'x-forwarded-for: 127.0.0.1', 'x-forwarded-proto: http', 'x-forwarded-host: api.example.com', 'forwarded: for=127.0.0.1;host=api.example.com;proto=http', 'via: 1.1 tidegate',
      `x-request-id: ${id}`, `traceparent: 00-${id}-${id.slice(16)}-01`, 'x-tidegate-route: allowed', `x-tidegate-token: ${token}`, `x-tidegate-principal: kind=jwt;id=user${user}`, 'x-tidegate-deadline: 15000',
    ]);
  });
}

function toRows({ front, egress, denied, deniedByTen, kafka }) {
  const unit = 'bare hops';
  const { ingress, limiter, redis } = front.partHops;
  return [
    { id: 'b', what: 'separate processes, each tier saturated alone, summed', value: ingress + egress.hops + limiter + redis, unit, target: 3.5, stretch: 2.8 },
    ...Object.entries({ ingress, egress: egress.hops, limiter, redis }).map(([part, value]) => ({ id: `b-${part}`, what: `  of it: ${part}`, value, unit })),
    { id: 'b-kafka', what: '  beside: Kafka (its JVM) taking the events', value: kafka.hops, unit },
    { id: 'b-denied', what: 'separate processes: denied', value: denied.hops, unit, target: 1.2 },
    { id: 'b-denied-ten', what: 'separate processes: denied by the last of 10 limits', value: deniedByTen.hops, unit, target: 1.2 },
  ];
}

// (g) CPU per request with two workers, over one.
import { paths } from '../bench-config.mjs';
import { compareCpu } from '../compare.mjs';
import { requestsAs } from '../load.mjs';
import { createScope, startOneProcess, startPinnedKafka, startPinnedRedis, startTiers, startUpstream } from '../stack.mjs';
import { measuredCore, otherCore } from '../processes.mjs';

/** Everything may use both cores: two workers on one core would only take turns. */
const cores = `${measuredCore},${otherCore}`;

export async function measureWorkers(options) {
  const scope = createScope();
  try {
    const stub = await startUpstream(scope, { egressStub: true });
    const [redis, kafka] = [await startPinnedRedis(scope, cores), await startPinnedKafka(scope, cores)];
    const tier = async (workers) => {
      const config = { upstream: 1, redis: redis.url, kafka: kafka.brokers, egress: `http://127.0.0.1:${stub.port}`, workers };
      const { ports, pids } = await startTiers(scope, { ...config, cores: { limiter: cores, ingress: cores } });
      return { name: `tier${workers}`, port: ports.public, pids: { ingress: pids.ingress } };
    };
    const up = async (workers) => {
      const { ports, pid } = await startOneProcess(scope, { upstream: stub.port, workers, analytics: true, core: cores });
      return { name: `up${workers}`, port: ports.public, pids: { all: pid } };
    };
    const stacks = [await tier(1), await tier(2), await up(1), await up(2)];
    const requests = requestsAs(100, paths.allowed);
    const measured = await compareCpu(stacks.map((stack) => ({ ...stack, requests, status: 200 })), options);
    return { measured, rows: toRows(measured) };
  } finally {
    await scope.stopAll();
  }
}

function toRows({ tier2, up1, up2 }) {
  return [
    { id: 'g', what: 'CPU per request with workers: 2, over workers: 1; ingress in its own process', value: tier2.hops, unit: 'x', target: 1.15 },
    { id: 'g-up', what: '  the same for `up` with all apps: with one worker in one process, with two in four', value: up2.hops / up1.hops, unit: 'x', target: 1.15 },
  ];
}

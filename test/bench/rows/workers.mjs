// (g) CPU per request with two worker processes, over one.
import { paths } from '../bench-config.mjs';
import { compareCpu } from '../compare.mjs';
import { requestsAs } from '../load.mjs';
import { createScope, startOneProcess, startUpstream } from '../stack.mjs';
import { measuredCore, otherCore } from '../processes.mjs';

/** Both stacks may use both cores: two workers on one core would only take turns. */
export async function measureWorkers(options) {
  const scope = createScope();
  try {
    const upstream = await startUpstream(scope);
    const of = async (name, workers) => {
      const stack = await startOneProcess(scope, { upstream: upstream.port, workers, analytics: true, core: `${measuredCore},${otherCore}` });
      return { name, port: stack.ports.public, requests: requestsAs(100, paths.allowed), status: 200, pids: { all: stack.pid } };
    };
    const measured = await compareCpu([await of('one', 1), await of('two', 2)], options);
    return { measured, rows: [{ id: 'g', what: 'CPU per request with workers: 2, over workers: 1', value: measured.two.hops, unit: 'x', target: 1.15 }] };
  } finally {
    await scope.stopAll();
  }
}

// The stacks under test. Everything started here is stopped by `stopAll` of the same scope.
import { connect } from 'node:net';
import { freePort, startKafka, startRedis } from '../../libs/testkit/dist/index.js';
import { writeConfig } from './bench-config.mjs';
import { measuredCore, otherCore, pin, root, startNode } from './processes.mjs';

/** A scope for one row: what it starts ends with it, last first. */
export function createScope() {
  const closers = [];
  const keep = (started) => {
    closers.push(() => started.stop());
    return started;
  };
  return {
    keep,
    onClose: (close) => void closers.push(close),
    async stopAll() {
      for (const close of closers.splice(0).toReversed()) await close();
    },
  };
}

/** The upstream; as `egressStub` it answers as an egress gateway does. */
export async function startUpstream(scope, { core = otherCore, egressStub = false } = {}) {
  const port = await freePort();
  const { pid } = scope.keep(startNode('upstream', { file: 'test/bench/fast-upstream.mjs', args: [port, 128, egressStub ? 'egress' : ''], core }));
  await listens(port);
  return { port, pid };
}

/** The baseline on the core of what is measured. */
export async function startBareHop(scope, upstream) {
  const port = await freePort();
  const { pid } = scope.keep(startNode('bare hop', { file: 'test/bench/bare-hop.mjs', args: [port, upstream.port], core: measuredCore }));
  await listens(port);
  return { port, pid };
}

export async function startPinnedRedis(scope, core = otherCore) {
  const redis = scope.keep(await startRedis());
  pin(redis.pid, core);
  return redis;
}

export async function startPinnedKafka(scope, core = otherCore) {
  const kafka = scope.keep(await startKafka());
  pin(kafka.pid, core);
  return kafka;
}

/**
 * Gateways and limiter in one process. With `analytics` it is `tidegate up` and the analytics consumer is in it too; without,
 * events are made, batched and handed over, and what takes them does nothing.
 */
export async function startOneProcess(scope, { analytics = false, core = measuredCore, cpuProfile, ...options }) {
  const config = await writeConfig(options);
  scope.onClose(config.remove);
  const started = analytics
    ? { file: 'apps/cli/dist/main.js', args: ['up', '--only', 'analytics,limiter,egress,ingress', '--config', config.file, '--log-level', 'error'] }
    : { file: 'test/bench/one-process.mjs', args: [config.file] };
  const { pid } = scope.keep(startNode('one process', { ...started, core, cpuProfile, env: process.env }));
  await listens(config.ports.public);
  return { ...config, pid };
}

/** Each tier in its own process; `cores` says which runs where, and which run at all. */
export async function startTiers(scope, { cores, cpuProfile, ...options }) {
  const config = await writeConfig(options);
  scope.onClose(config.remove);
  const pids = {};
  for (const [tier, app, port] of [
    ['limiter', 'rate-limiter', config.ports.limiter],
    ['egress', 'egress-gateway', config.ports.egress],
    ['analytics', 'analytics-consumer', config.ports.analytics],
    ['ingress', 'ingress-gateway', config.ports.public],
  ]) {
    const core = cores[tier];
    if (core === undefined) continue;
    const env = { TIDEGATE_CONFIG: config.file };
    pids[tier] = scope.keep(startNode(tier, { file: `${root}apps/${app}/dist/main.js`, core, env, cpuProfile: tier === cpuProfile?.tier ? cpuProfile.folder : undefined })).pid;
    await listens(port);
  }
  return { ...config, pids };
}

async function listens(port) {
  const until = performance.now() + 60_000;
  while (!(await accepts(port))) {
    if (performance.now() > until) throw new Error(`nothing listens on ${port} after 60 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

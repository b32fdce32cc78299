// (e) Decisions per CPU second over StreamChecks and over unary CheckLimit.
import { spawn } from 'node:child_process';
import { median } from '../compare.mjs';
import { cpuMs, measuredCore, otherCore, root } from '../processes.mjs';
import { createScope, startPinnedRedis, startTiers } from '../stack.mjs';

const modes = ['stream', 'unary'];

export async function measureChecks({ rounds, seconds, warmUpSeconds, log }) {
  const scope = createScope();
  try {
    const redis = await startPinnedRedis(scope);
    // The limiter tells events only of what changes: no broker is asked here.
    const { ports, pids } = await startTiers(scope, { upstream: 1, redis: redis.url, kafka: ['127.0.0.1:1'], cores: { limiter: measuredCore } });
    const samples = { stream: [], unary: [] };
    for (const mode of modes) await ask(ports.limiter, mode, warmUpSeconds);
    for (let round = 0; round < rounds; round += 1) {
      for (const mode of modes) samples[mode].push(await sample({ limiter: pids.limiter, redis: redis.pid }, ports.limiter, { mode, seconds }));
      log(`  round ${round + 1}: ${modes.map((mode) => `${mode} ${Math.round(samples[mode].at(-1).service)} decisions per CPU second of limiter and Redis`).join(', ')}`);
    }
    return { measured: samples, rows: toRows(samples) };
  } finally {
    await scope.stopAll();
  }
}

async function sample(pids, port, { mode, seconds }) {
  const before = { limiter: cpuMs(pids.limiter), redis: cpuMs(pids.redis) };
  const { decisions, degraded, cpuMs: client } = await ask(port, mode, seconds);
  if (degraded > decisions / 100) throw new Error(`${mode}: ${degraded} of ${decisions} checks were not decided by the limiter`);
  const limiter = cpuMs(pids.limiter) - before.limiter;
  const redis = cpuMs(pids.redis) - before.redis;
  const perSecond = (ms) => (decisions * 1_000) / ms;
  return { limiter: perSecond(limiter), service: perSecond(limiter + redis), all: perSecond(limiter + redis + client) };
}

async function ask(port, mode, seconds) {
  const options = JSON.stringify({ target: `127.0.0.1:${port}`, mode, inFlight: 128, seconds });
  const child = spawn('taskset', ['-c', String(otherCore), process.execPath, 'test/bench/check-load.mjs', options], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  await new Promise((resolve) => child.once('close', resolve));
  return JSON.parse(text);
}

function toRows({ stream, unary }) {
  const ratio = (of) => median(stream.map((one, round) => one[of] / unary[round][of]));
  return [
    { id: 'e', what: 'StreamChecks over unary, decisions per CPU second of the limiter, 128 in flight', value: ratio('limiter'), unit: 'x', target: 10, isFloor: true },
    { id: 'e-service', what: '  beside: limiter and Redis', value: ratio('service'), unit: 'x' },
    { id: 'e-all', what: '  beside: limiter, Redis and client', value: ratio('all'), unit: 'x' },
    { id: 'e-stream', what: '  decisions per CPU second of limiter and Redis, stream', value: median(stream.map((one) => one.service)), unit: '/s' },
  ];
}

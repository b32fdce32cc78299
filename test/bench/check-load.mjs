// A fixed number of checks in flight on one limiter.
//   node check-load.mjs '{"target":"127.0.0.1:50051","mode":"stream|unary","inFlight":128,"seconds":5}'
// Prints { decisions, degraded, cpuMs } as one JSON line.
import { buildCheck, createLimiterClient } from '../../libs/limiter-client/dist/index.js';

const { target, mode, inFlight, seconds } = JSON.parse(process.argv[2]);
const client = createLimiterClient({ targets: [target], clientGroup: 'bench', instance: `bench-${process.pid}` });
if (!(await client.ready(10_000))) throw new Error('the limiter does not answer');
const checks = Array.from({ length: 1_000 }, (_, user) =>
  buildCheck('plenty', { client: `user${user}`, 'client.kind': 'jwt', address: '192.0.2.1', fingerprint: 'f', route: 'r', resource: '', method: 'GET', plan: '', auth: 'jwt' }, { timeoutMs: 10_000 }),
);
const endsAt = performance.now() + seconds * 1_000;
let decisions = 0;
/** Decided here because the limiter was too late. */
let degraded = 0;
const before = process.cpuUsage();
// The client's own timers let a process end.
const alive = setInterval(() => undefined, 1_000);

async function keepAsking(first) {
  for (let at = first; performance.now() < endsAt; at += inFlight) {
    const check = checks[at % checks.length];
    const decision = await (mode === 'stream' ? client.check(check) : client.checkUnary(check));
    if (!decision.allowed) throw new Error(`unexpected decision ${JSON.stringify(decision)}`);
    if (decision.degraded) degraded += 1;
    else decisions += 1;
  }
}

await Promise.all(Array.from({ length: inFlight }, (_, at) => keepAsking(at)));
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ decisions, degraded, cpuMs: (user + system) / 1_000 }));
clearInterval(alive);
await client.close();
process.exit(0);

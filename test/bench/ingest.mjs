// Analytics alone: `node test/bench/ingest.mjs [--events 1000000] [--clients 100000] [--decode]`
// Events per second of CPU until durable in a DuckDB file, rollup included; with --decode from the bytes of Kafka records.
// The whole process is measured, its threads too. Prints one JSON object.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bootstrap } from '../../apps/analytics-consumer/dist/index.js';
import { createUlid, decodeBatch, encodeBatch } from '../../libs/events/dist/index.js';
import { createObservability } from '../../libs/observability/dist/index.js';
import { sampleRequestEvent } from '../../libs/testkit/dist/index.js';

const { values } = parseArgs({ options: { events: { type: 'string', default: '1000000' }, clients: { type: 'string', default: '100000' }, decode: { type: 'boolean', default: false } } });
const total = Number(values.events);
const clients = Number(values.clients);
const batchSize = 2_000;
const openMax = 20;

const folder = mkdtempSync(join(tmpdir(), 'tidegate-ingest-'));
const file = join(folder, 'analytics.duckdb');
const nowhere = { address: { host: '127.0.0.1', port: 0 } };
const config = {
  listeners: { analytics: nowhere, ops: nowhere },
  events: { transport: { kind: 'in-process' } },
  analytics: {
    store: { kind: 'duckdb', file },
    raw: { keepMs: 86_400_000, bytesMax: 2 ** 31 },
    minutes: { keepMs: 30 * 86_400_000 },
    consumerGroup: 'bench',
    queryTimeoutMs: 10_000,
    memoryBytesMax: 512 * 1024 ** 2,
  },
};
const observability = createObservability({ app: 'bench', instance: 'bench', level: 'error' });
const analytics = await bootstrap({ config, secrets: { adminToken: 'bench' }, observability, ops: false, listen: false });

const nextId = createUlid({ clock: { nowMs: () => Date.now() } });
const routes = ['products', 'product', 'orders', 'order', 'payments', 'me'];
const hex = (digits) => Array.from({ length: digits }, () => Math.floor(Math.random() * 16).toString(16)).join('');

/** Few clients are busy, most are seldom seen; every tenth request is denied. */
function makeEvent(at) {
  const client = Math.floor(Math.random() ** 2 * clients);
  const address = `10.${client >> 16}.${(client >> 8) & 255}.${client & 255}`;
  const route = routes[at % routes.length];
  const denial = at % 10 === 0 ? { status: 429, faultCode: 'quota-exceeded', decisionReason: 2 } : {};
  const parts = { route, principal: `address:${address}`, clientAddress: address, traceId: hex(32), decisionId: `AbCdEfGh-${at.toString(36)}`, durationUs: Math.floor(500 + Math.exp(Math.random() * 8)), ...denial };
  return sampleRequestEvent(nextId(), Date.now(), parts);
}

const pool = Array.from({ length: 50 }, () => {
  const events = Array.from({ length: batchSize }, (_, at) => makeEvent(at));
  return values.decode ? encodeBatch({ producerId: 'P', sequence: 1, events }) : events;
});

const cpuBefore = process.cpuUsage();
const startMs = performance.now();
const open = [];
for (let sequence = 1; sequence * batchSize <= total; sequence += 1) {
  const source = pool[sequence % pool.length];
  const events = values.decode ? decodeBatch(source).events : source;
  open.push(analytics.accept({ producerId: 'P', sequence, events }, 0));
  if (open.length >= openMax) await open.shift();
}
await Promise.all(open);
const seconds = (performance.now() - startMs) / 1_000;
await analytics.close();
const { user, system } = process.cpuUsage(cpuBefore);
const cpuUsPerEvent = (user + system) / total;
console.log(
  JSON.stringify({
    events: total,
    clients,
    decoded: values.decode,
    eventsPerSecond: Math.round(total / seconds),
    cpuUsPerEvent: Number(cpuUsPerEvent.toFixed(2)),
    eventsPerCpuSecond: Math.round(1e6 / cpuUsPerEvent),
    bytesPerEvent: Math.round(statSync(file).size / total),
    residentMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
  }),
);
rmSync(folder, { recursive: true });

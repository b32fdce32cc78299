// (f) Resident memory over distinct clients, and at full load.
import { paths } from '../bench-config.mjs';
import { median } from '../compare.mjs';
import { load, requestHead, requestsAs } from '../load.mjs';
import { residentBytes } from '../processes.mjs';
import { createScope, startOneProcess, startUpstream } from '../stack.mjs';

const sliceClients = 50_000;

export async function measureMemory({ distinctClients, soakSeconds, log }) {
  const scope = createScope();
  try {
    const upstream = await startUpstream(scope);
    const stack = await startOneProcess(scope, { upstream: upstream.port, analytics: true });
    const clients = await overClients(stack, distinctClients, log);
    const soak = await overTime(stack, soakSeconds, log);
    return { measured: { clients, soak }, rows: toRows({ clients, soak, distinctClients, soakSeconds }) };
  } finally {
    await scope.stopAll();
  }
}

/** Every request is another client's: a client per X-Forwarded-For, through the listener that believes it. */
async function overClients({ ports, pid }, distinctClients, log) {
  const samples = [];
  for (let from = 0; from < distinctClients; from += sliceClients) {
    const requests = [requestHead(paths.byAddress, ['X-Forwarded-For: {address}'])];
    const result = await load({ port: ports.replay, seconds: 600, connections: 64, requests, firstAddress: from, requestsMax: sliceClients });
    samples.push(residentBytes(pid));
    log(`  ${from + result.done} clients: ${(samples.at(-1) / 1e6).toFixed(0)} MB, ${JSON.stringify(result.statuses)}`);
  }
  return samples;
}

async function overTime({ ports, pid }, seconds, log) {
  const samples = [];
  const sampler = setInterval(() => samples.push(residentBytes(pid)), 1_000);
  await load({ port: ports.public, seconds, connections: 64, requests: requestsAs(100, paths.allowed) });
  clearInterval(sampler);
  log(`  ${seconds} s at full load: ${samples.map((bytes) => (bytes / 1e6).toFixed(0)).filter((_, at) => at % Math.ceil(samples.length / 20) === 0).join(' ')} MB`);
  return samples;
}

/** Growth in percent from the third of the samples after a third of warm-up to the last third. */
export function growth(samples) {
  const third = Math.max(1, Math.floor(samples.length / 3));
  return (median(samples.slice(-third)) / median(samples.slice(third, 2 * third)) - 1) * 100;
}

function toRows({ clients, soak, distinctClients, soakSeconds }) {
  return [
    { id: 'f-clients', what: `growth of resident memory over ${distinctClients.toLocaleString('en')} distinct clients, last third over middle third`, value: growth(clients), unit: '%', target: 5 },
    { id: 'f-soak', what: `growth over ${soakSeconds} s at full load, the same`, value: growth(soak), unit: '%', target: 5 },
    { id: 'f-resident', what: '  resident at the end, analytics included', value: soak.at(-1) / 1e6, unit: 'MB' },
  ];
}

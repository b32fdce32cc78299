// `npm run bench`: see README.md.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { formatReport } from './report.mjs';
import { measureChecks } from './rows/checks.mjs';
import { measureLatency } from './rows/latency.mjs';
import { measureMemory } from './rows/memory.mjs';
import { measureOneCore } from './rows/one-core.mjs';
import { measureOneProcess } from './rows/one-process.mjs';
import { measureRoutes } from './rows/routes.mjs';
import { measureTiers } from './rows/tiers.mjs';
import { measureWorkers } from './rows/workers.mjs';
import { root } from './processes.mjs';

const groups = { a: measureOneProcess, b: measureTiers, c: measureOneCore, d: measureLatency, e: measureChecks, f: measureMemory, g: measureWorkers, h: measureRoutes };
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: Object.keys(groups).join(',') },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    'warm-up': { type: 'string' },
    clients: { type: 'string' },
    soak: { type: 'string' },
  },
});
const number = (name, usual, quick) => Number(values[name] ?? (values.quick ? quick : usual));
const options = {
  rounds: number('rounds', 5, 3),
  seconds: number('seconds', 3, 1),
  warmUpSeconds: number('warm-up', 10, 3),
  distinctClients: number('clients', 1_000_000, 150_000),
  soakSeconds: number('soak', 60, 10),
  log: (line) => console.error(line),
};
if (cpus().length < 2) throw new Error('two cores are needed: one for what is measured, one for the rest');
if (loadavg()[0] > 1) console.error(`the machine is busy (load ${loadavg()[0].toFixed(1)}): figures will be noisy`);

const report = { startedAt: new Date().toISOString(), node: process.version, cpu: cpus()[0].model, cores: cpus().length, loadAtStart: loadavg()[0], options, rows: [], measured: {}, failed: {} };
mkdirSync(`${root}test/bench/results`, { recursive: true });
const file = `test/bench/results/${report.startedAt.replaceAll(/[:.]/g, '-')}.json`;
for (const group of values.only.split(',')) {
  console.error(`(${group})`);
  try {
    const { rows, measured } = await groups[group](options);
    report.rows.push(...rows);
    report.measured[group] = measured;
  } catch (error) {
    report.failed[group] = String(error.stack ?? error);
    console.error(report.failed[group]);
  }
  report.loadAtEnd = loadavg()[0];
  // After each group: a long run that is broken off has not been for nothing.
  writeFileSync(root + file, `${JSON.stringify(report, null, 2)}\n`);
}

console.log(formatReport(report));
console.log(`\nwritten: ${file}`);
process.exit(Object.keys(report.failed).length > 0 ? 1 : 0);

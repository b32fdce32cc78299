// Processes of a benchmark: started from dist, pinned to a core, measured as a whole from /proc.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
/** What is measured runs alone on this core, everything else on the other. */
export const measuredCore = 0;
export const otherCore = 1;

const tickMs = 1_000 / Number(execFileSync('getconf', ['CLK_TCK']));
const running = new Set();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** Starts node on one core; `cpuProfile` names a folder for --cpu-prof. */
export function startNode(name, { file, args = [], core, env = {}, cpuProfile }) {
  const flags = cpuProfile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${cpuProfile}`];
  const command = ['-c', String(core), process.execPath, ...flags, file, ...args];
  const child = spawn('taskset', command, { cwd: root, env: { ...process.env, NODE_ENV: 'production', ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk) => (complaint = (complaint + chunk).slice(-4_000)));
  running.add(child);
  let isStopping = false;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.once('exit', (code) => {
    running.delete(child);
    // The row fails at its next look at the process.
    if (!isStopping) console.error(`${name} ended by itself (${code}): ${complaint}`);
  });
  const stop = async () => {
    isStopping = true;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await exited;
    clearTimeout(timer);
  };
  return { name, pid: child.pid, stop };
}

/** Pins every thread of a process that something else started. */
export function pin(pid, core) {
  execFileSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' });
}

/** CPU used so far by a process, its threads and its children, ms. */
export function cpuMs(pid) {
  return family(pid).reduce((sum, one) => sum + ownTicks(one), 0) * tickMs;
}

/** Resident memory of a process and its children, bytes. */
export function residentBytes(pid) {
  return family(pid).reduce((sum, one) => sum + Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1] ?? 0) * 1_024, 0);
}

function family(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter((text) => text !== '');
  return [pid, ...children.flatMap((child) => family(Number(child)))];
}

function ownTicks(pid) {
  const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
  return Number(afterName[11]) + Number(afterName[12]);
}

// Runs http-load.mjs on its own core, and the requests it sends.
import { createHmac } from 'node:crypto';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { otherCore } from './processes.mjs';

const generator = fileURLToPath(new URL('http-load.mjs', import.meta.url));
export const jwtSecret = '0123456789abcdef0123456789abcdef';

/** `{ done, statuses, latencyMs }` of one run of the generator. */
export async function load(options) {
  const child = spawn('taskset', ['-c', String(otherCore), process.execPath, generator, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  await new Promise((resolve) => child.once('close', resolve));
  return JSON.parse(text);
}

/** Throws unless practically every answer had the status: a benchmark of errors says nothing. */
export function assertStatus(name, { done, statuses }, status) {
  if ((statuses[status] ?? 0) < done * 0.999 || done === 0) throw new Error(`${name}: expected ${status}, got ${JSON.stringify(statuses)}`);
}

/** One request head per user, with that user's token. */
export function requestsAs(users, path) {
  return Array.from({ length: users }, (_, user) => requestHead(path, [`Authorization: Bearer ${tokenOf(`user${user}`)}`]));
}

export function requestHead(path, fields = []) {
  return ['GET ' + path + ' HTTP/1.1', 'Host: api.example.com', 'User-Agent: bench/1.0', 'Accept: */*', ...fields, '', ''].join('\r\n');
}

function tokenOf(subject) {
  const text = [{ alg: 'HS256', typ: 'JWT' }, { iss: 'bench', aud: 'bench', sub: subject, exp: 4_000_000_000, scope: 'a b' }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${text}.${createHmac('sha256', jwtSecret).update(text).digest('base64url')}`;
}

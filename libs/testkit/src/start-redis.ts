import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcess, waitUntil, type RunningProcess } from './child-process.js';
import { findRedisServer } from './find-part.js';
import { freePort } from './free-port.js';

/** A real server that a spec may freeze, kill and start again on the same port. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  signal(name: NodeJS.Signals): void;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts again on the same port, empty unless `save` wrote a dump. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a redis-server on a free port, without persistence, `noeviction`. Extra arguments go to its command line. */
export async function startRedis(extra: readonly string[] = []): Promise<RedisServer> {
  const binary = findRedisServer();
  if (binary === undefined) throw new Error('no redis-server: guard the spec with has("redis")');
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-redis-'));
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder, ...extra];
  let running: RunningProcess = startProcess(binary, args);
  await waitUntil(`redis on ${port}`, () => ping(port));
  const kill = async (): Promise<void> => {
    running.signal('SIGKILL');
    await running.exited;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return running.pid;
    },
    signal: (name) => running.signal(name),
    kill,
    restart: async () => {
      await kill();
      running = startProcess(binary, args);
      await waitUntil(`redis on ${port}`, () => ping(port));
    },
    stop: async () => {
      await running.stop(2_000);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function ping(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(500, () => socket.destroy());
    socket.once('data', (data) => {
      resolve(data.toString().startsWith('+PONG') ? true : undefined);
      socket.destroy();
    });
    socket.once('error', () => resolve(undefined));
    socket.once('close', () => resolve(undefined));
  });
}

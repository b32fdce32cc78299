import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { systemClock } from '@tidegate/units';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEventPublisher, createInProcessTransport } from './index.js';

const packageRoot = fileURLToPath(new URL('..', import.meta.url));
const tsc = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url));

/** Publishes as fast as the disk allows and prints the number of each event once its promise has resolved. Its broker is away. */
const program = `
  import { createEventPublisher, createInProcessTransport } from '@tidegate/event-publisher';
  const [directory, from] = [process.env.SPOOL, Number(process.env.FROM)];
  const publisher = createEventPublisher({
    config: { durability: 'disk', spool: { directory, maxBytes: 256 * 1024 ** 2 } },
    transport: createInProcessTransport({ deliver: () => Promise.reject(new Error('away')), partitions: 3 }),
    instance: 'child',
    clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
    logger: { info() {}, warn() {}, error() {} },
  });
  let next = from;
  const publishOn = async (lane) => {
    for (;;) {
      const id = String(next++);
      const kind = { $case: 'lifecycle', value: { what: 'ready', detail: 'x'.repeat(Number(id) % 700) } };
      await publisher.publish({ id, atUs: 1, app: 'child', instance: 'child', configVersion: '', kind }, 'client-' + lane);
      process.stdout.write(id + '\\n');
    }
  };
  for (let lane = 0; lane < 20; lane += 1) void publishOn(lane);
`;

describe('durability disk over kill -9', () => {
  let directory = '';
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'tidegate-durable-'));
    await promisify(execFile)(process.execPath, [tsc, '-b', packageRoot]);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** Runs the program, kills it after a while, and returns what it acknowledged. */
  async function killedAfter(ms: number, from: number): Promise<string[]> {
    const env = { ...process.env, SPOOL: directory, FROM: String(from) };
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { cwd: packageRoot, env, stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    const ended = new Promise((resolve) => child.once('close', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await new Promise((resolve) => setTimeout(resolve, ms));
    child.kill('SIGKILL');
    await ended;
    return printed.slice(0, printed.lastIndexOf('\n')).split('\n');
  }

  it('analytics/N1: whatever was acknowledged before any of five kills is delivered by the next start, once', async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 5; round += 1) acknowledged.push(...(await killedAfter(Math.random() * 300, (round + 1) * 1_000_000)));
    const delivered: string[] = [];
    const last = new Map<string, number>();
    const publisher = createEventPublisher({
      config: { durability: 'disk', spool: { directory, maxBytes: 256 * 1024 ** 2 } },
      transport: createInProcessTransport({
        partitions: 3,
        deliver: (batch, partition) => {
          const key = `${batch.producerId}/${partition}`;
          expect(batch.sequence).toBe((last.get(key) ?? 0) + 1);
          last.set(key, batch.sequence);
          for (const { id } of batch.events) delivered.push(id);
          return Promise.resolve();
        },
      }),
      instance: 'child',
      clock: systemClock,
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    });
    await publisher.flush();
    expect(acknowledged.length).toBeGreaterThan(100);
    expect(new Set(delivered).size).toBe(delivered.length);
    const known = new Set(delivered);
    expect(acknowledged.filter((id) => !known.has(id))).toEqual([]);
    expect(publisher.stats()).toMatchObject({ recovered: delivered.length, sent: delivered.length, waiting: 0 });
    await publisher.close();
  }, 60_000);
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createUlid } from '@tidegate/events';
import { createObservability } from '@tidegate/observability';
import { fakeClock, type FakeClock } from '@tidegate/testkit';
import { bootstrap, type AnalyticsAppConfig, type RunningAnalytics } from './index.js';

export const adminToken = 'admin-token-of-the-spec';

const anyPort = { address: { host: '127.0.0.1', port: 0 } };

/** A configuration whose store is a file in the folder. */
export const specConfig = (folder: string): AnalyticsAppConfig => ({
  listeners: { analytics: anyPort, ops: anyPort },
  events: { transport: { kind: 'in-process' }, durability: 'memory', spool: { directory: folder, maxBytes: 1e8 } },
  analytics: {
    store: { kind: 'duckdb', file: join(folder, 'analytics.duckdb') },
    raw: { keepMs: 86_400_000, bytesMax: 2 ** 31 },
    minutes: { keepMs: 30 * 86_400_000 },
    consumerGroup: 'tidegate-analytics',
    queryTimeoutMs: 10_000,
    memoryBytesMax: 256 * 1024 ** 2,
  },
});

/** A folder that is gone at the end of the spec. */
export function specFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'tidegate-analytics-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export const specObservability = () => createObservability({ app: 'analytics', instance: 'spec', level: 'silent' });

/** Different ULIDs. */
export const newId = createUlid({ clock: { nowMs: () => Date.UTC(2026, 0, 1) } });

/** The analytics consumer on a real DuckDB file, with its API on a free port and a clock that stands still. */
export class AnalyticsFixture {
  readonly clock: FakeClock = fakeClock();
  readonly folder = specFolder();
  #running: RunningAnalytics | undefined;

  get running(): RunningAnalytics {
    if (this.#running === undefined) throw new Error('not started');
    return this.#running;
  }

  async start(config: AnalyticsAppConfig = specConfig(this.folder.path)): Promise<void> {
    this.#running = await bootstrap({ config, secrets: { adminToken }, observability: specObservability(), clock: this.clock, ops: false, listen: true });
  }

  /** Stops and starts again: what was taken is then in the minute tables. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    await this.#running?.close();
    this.#running = undefined;
  }

  async end(): Promise<void> {
    await this.stop();
    this.folder.remove();
  }

  fetch(path: string, headers: Record<string, string> = { authorization: `Bearer ${adminToken}` }): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.running.address?.port}${path}`, { headers });
  }

  /** The JSON body of a question. */
  async get<T = Record<string, unknown>>(path: string): Promise<T> {
    return (await (await this.fetch(path)).json()) as T;
  }
}

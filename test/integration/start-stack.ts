import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ensureSecrets } from '@tidegate/auth';
import { startProcess, waitUntil, type RunningProcess } from '@tidegate/testkit';
import { ask } from './ask.js';
import type { StackConfig } from './stack-config.js';
import { cliMain } from './tidegate-cli.js';

/** Apps that have a process of their own, by where their health is asked for. */
const appFolders = { analytics: 'analytics-consumer', limiter: 'rate-limiter', limiter2: 'rate-limiter', egress: 'egress-gateway', demo: 'demo-services', ingress: 'ingress-gateway' } as const;
const opsPorts = { analytics: 'opsAnalytics', limiter: 'opsLimiter', limiter2: 'opsLimiter2', egress: 'opsEgress', demo: 'opsDemo', ingress: 'opsIngress' } as const;

/** A process of the stack apart. */
export type AppName = keyof typeof appFolders;

/** Starts everything in one process; ready when it says so. */
export async function startOneProcess({ file, folder }: StackConfig): Promise<RunningProcess> {
  const running = startProcess(process.execPath, [cliMain, 'up', '--config', file], { cwd: folder });
  await untilReady(running, 'tidegate up', () => running.output().includes('Ctrl-C drains'));
  return running;
}

/** The built `main.js` of an app, as `node` starts it. */
export function startApp(app: AppName, { file, folder }: Pick<StackConfig, 'file' | 'folder'>): RunningProcess {
  const main = resolve(import.meta.dirname, `../../apps/${appFolders[app]}/dist/main.js`);
  return startProcess(process.execPath, [main], { cwd: folder, env: { ...process.env, TIDEGATE_CONFIG: file } });
}

/** Each app in its own process; any of them can be killed and started again. */
export class ApartStack {
  readonly config: StackConfig;
  readonly #running = new Map<AppName, RunningProcess>();

  private constructor(config: StackConfig) {
    this.config = config;
  }

  static async start(config: StackConfig, apps: readonly AppName[]): Promise<ApartStack> {
    ensureSecrets(join(config.folder, 'secrets'));
    const stack = new ApartStack(config);
    try {
      // Two at a time: a start is a second of CPU.
      for (let i = 0; i < apps.length; i += 2) await Promise.all(apps.slice(i, i + 2).map((app) => stack.start(app)));
      return stack;
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  /** Starts an app; resolves when its /readyz says so. */
  async start(app: AppName): Promise<void> {
    const running = startApp(app, { folder: this.config.folder, file: this.#fileOf(app) });
    this.#running.set(app, running);
    await untilReady(running, app, async () => (await this.ready(app)) === 200);
  }

  /** Status of the app's /readyz, 0 when nobody answers. */
  async ready(app: AppName): Promise<number> {
    return ask({ port: this.config.portOf(opsPorts[app]), path: '/readyz' }).then(({ status }) => status, () => 0);
  }

  async metrics(app: AppName): Promise<string> {
    return (await ask({ port: this.config.portOf(opsPorts[app]), path: '/metrics' })).body;
  }

  processOf(app: AppName): RunningProcess {
    const running = this.#running.get(app);
    if (running === undefined) throw new Error(`${app} was not started`);
    return running;
  }

  /** kill -9; resolves when it is gone. */
  async kill(app: AppName): Promise<void> {
    this.processOf(app).signal('SIGKILL');
    await this.processOf(app).exited;
  }

  /** SIGTERM; its exit code. */
  async terminate(app: AppName): Promise<number | string> {
    this.processOf(app).signal('SIGTERM');
    return this.processOf(app).exited;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((running) => running.stop(15_000)));
  }

  #fileOf(app: AppName): string {
    return app === 'limiter2' ? join(this.config.folder, 'limiter2.yaml') : this.config.file;
  }
}

async function untilReady(running: RunningProcess, name: string, check: () => boolean | Promise<boolean>): Promise<void> {
  let ended: number | string | undefined;
  void running.exited.then((code) => (ended = code));
  await waitUntil(`${name} is ready`, async () => (ended !== undefined || (await check()) ? true : undefined), 60_000).catch((error: Error) => {
    throw new Error(`${error.message}\n${running.output()}`);
  });
  if (ended !== undefined) throw new Error(`${name} ended with ${ended}:\n${running.output()}`);
}

/** Asks the analytics, with the admin token of the stack. */
export async function askAnalytics<T>(config: StackConfig, path: string): Promise<T> {
  const token = readFileSync(join(config.folder, 'secrets/admin-token'), 'utf8').trim();
  const answer = await ask({ port: config.portOf('analytics'), path, fields: { authorization: `Bearer ${token}` } });
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.body}`);
  return JSON.parse(answer.body) as T;
}

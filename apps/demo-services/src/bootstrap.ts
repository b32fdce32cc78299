import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { DemoRole } from '@tidegate/config';
import type { Observability } from '@tidegate/observability';
import { startOps } from '@tidegate/ops';
import { systemClock, type Clock } from '@tidegate/units';
import { AppModule, DEMO_SERVERS } from './app.module.js';
import { pickRoles, type DemoConfig, type DemoSecrets } from './config.js';
import type { DemoAddresses, DemoServers } from './demo-servers.js';

export interface BootstrapOptions {
  readonly config: DemoConfig;
  readonly secrets: DemoSecrets;
  readonly observability: Observability;
  /** Default: every role that has an address under `demo:`. */
  readonly roles?: readonly DemoRole[];
  /** Serve health and metrics on `listeners.ops` of the configuration given. */
  readonly ops?: boolean;
  readonly clock?: Clock;
}

/** Running demo services. */
export interface RunningDemo {
  readonly addresses: DemoAddresses;
  /** Finishes what is in flight and stops listening. */
  close(): Promise<void>;
}

/** Starts the demo services of the wanted roles. Throws the listen error of the first address that is taken. */
export async function bootstrap({ config, secrets, observability, roles, ops = false, clock = systemClock }: BootstrapOptions): Promise<RunningDemo> {
  const module = AppModule.create({ config, secrets, roles: pickRoles(config, roles), clock });
  const app = await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
  const addresses = await app.get<DemoServers>(DEMO_SERVERS).listen();
  observability.health.set('demo', true);
  const server = ops ? await startOps({ address: config.listeners.ops.address, observability, adminToken: secrets.adminToken }) : undefined;
  return {
    addresses,
    async close() {
      observability.health.set('demo', false, 'stopping');
      await app.close();
      await server?.close();
    },
  };
}

import 'reflect-metadata';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { startOps, type AdminRoute, type OpsServer } from '@tidegate/ops';
import type { DeadlineWheel, EgressLink } from '@tidegate/proxy';
import { systemClock, type Clock, type ListenAddress } from '@tidegate/units';
import { AppModule, tokens, type AppParts } from './app.module.js';
import { createBreakerRoutes } from './breaker-admin.js';
import type { Services } from './create-services.js';
import { createEgressServer, type EgressServer } from './gateway-server.js';

export interface BootstrapOptions extends Omit<AppParts, 'clock'> {
  readonly clock?: Clock;
  /** Start the ops server too; in one process another app's server shows everything. */
  readonly ops: boolean;
  /** Serve the network link; without, only the link in this process answers. */
  readonly listen: boolean;
}

/** A running egress gateway. */
export interface RunningEgress {
  /** For ingress in this process (gateway/U10). */
  readonly link: EgressLink;
  /** Where the network link is served; undefined without `listen`. */
  readonly address: ListenAddress | undefined;
  /** Its admin API, for the ops server of the process. */
  readonly admin: readonly AdminRoute[];
  /** Drains: not ready, everything in flight finishes, then connections and timers end (gateway/H12). */
  close(): Promise<void>;
}

/**
 * Starts the egress gateway.
 * @throws the listen error of its own or the ops port, with the address in its message
 */
export async function bootstrap(options: BootstrapOptions): Promise<RunningEgress> {
  const { config, secrets, observability, clock = systemClock } = options;
  const module = AppModule.create({ ...options, clock });
  const app = await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
  const admin = createBreakerRoutes(app.get<Services>(tokens.services));
  const parts: { server?: EgressServer; ops?: OpsServer } = {};
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= stop({ ...parts, app, options }));
  try {
    if (options.ops) {
      parts.ops = await startOps({ address: config.listeners.ops.address, observability, adminToken: secrets.adminToken, admin });
    }
    const address = options.listen ? await listen(app, options, parts) : undefined;
    observability.health.set('egress-gateway', true);
    return { link: app.get<EgressLink>(tokens.link), address, admin, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listen(app: INestApplicationContext, options: BootstrapOptions, parts: { server?: EgressServer }): Promise<ListenAddress> {
  const { config, observability, clock = systemClock } = options;
  parts.server = createEgressServer({
    address: config.listeners.egress.address,
    pipeline: app.get(tokens.pipeline),
    logger: observability.logger,
    mayLog: app.get(tokens.mayLog),
    clock,
  });
  return parts.server.listen();
}

interface Stopping {
  readonly app: INestApplicationContext;
  readonly server?: EgressServer;
  readonly ops?: OpsServer;
  readonly options: BootstrapOptions;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms).unref());

/** The server drains before anything it needs is closed. */
async function stop({ app, server, ops, options }: Stopping): Promise<void> {
  options.observability.health.set('egress-gateway', false, 'draining');
  await server?.drain(options.config.drain);
  await Promise.race([app.get<EgressLink>(tokens.link).close(), sleep(options.config.drain.timeoutMs)]);
  await Promise.all([...app.get<Services>(tokens.services).values()].map((service) => service.close()));
  app.get<DeadlineWheel>(tokens.deadlines).close();
  await app.close();
  await ops?.close();
}

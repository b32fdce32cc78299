import 'reflect-metadata';
import { ServerCredentials } from '@grpc/grpc-js';
import type { DynamicModule, INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import type { EventPublisher } from '@tidegate/event-publisher';
import type { LimiterLink } from '@tidegate/limiter-client';
import type { Observability } from '@tidegate/observability';
import { startOps, type OpsServer } from '@tidegate/ops';
import type { PolicySet } from '@tidegate/rate-limit';
import { systemClock, type Clock, type ListenAddress } from '@tidegate/units';
import { HealthImplementation } from 'grpc-health-check';
import { AppModule } from './app.module.js';
import { createServerTls } from './certificate-files.js';
import { CheckLimit } from './check-limit.js';
import type { RateLimiterConfig, RateLimiterSecrets } from './config.js';
import { DirectLink } from './direct-link.js';
import { DecisionServer, serviceName } from './grpc-server.js';
import { LimiterEvents } from './limiter-events.js';
import { LimiterMetrics } from './limiter-metrics.js';
import { openStore, type OpenedStore } from './open-store.js';
import { PolicySnapshot } from './policy-snapshot.js';
import { StoreGuard } from './store-guard.js';
import { StreamSessions } from './stream-sessions.js';
import { UnaryChecks } from './unary-checks.js';
import { warmUp } from './warm-up.js';

/** Open calls get this long to end after `draining` was sent, in ms: the process is gone within 10 s (limiter/F7). */
const drainTimeoutMs = 8_000;

export interface BootstrapOptions {
  readonly config: RateLimiterConfig;
  readonly secrets: RateLimiterSecrets;
  readonly observability: Observability;
  readonly publisher: Pick<EventPublisher, 'publish'>;
  readonly clock?: Clock;
  /** Start the ops server too; in one process another app's server shows everything. */
  readonly ops: boolean;
  /** Serve gRPC; without, only the link in this process answers. */
  readonly listen: boolean;
}

/** A running limiter. */
export interface RunningLimiter {
  /** For callers in this process. With buckets in memory it answers without a promise. */
  readonly link: LimiterLink;
  /** Where gRPC is served; undefined without `listen`. */
  readonly address: ListenAddress | undefined;
  /** Puts another compiled set in force; buckets stay (limiter/G2). */
  readonly replacePolicies: (policySet: PolicySet) => void;
  /** Counts a set that did not compile; the last good one goes on (limiter/G2). */
  readonly refusePolicies: (reason: string) => void;
  /** Drains and stops: everything accepted is answered (limiter/F7). */
  readonly close: () => Promise<void>;
}

/**
 * Starts the limiter. A Redis that is away is no error: it starts degraded (limiter/F3).
 * @throws if the gRPC or the ops port cannot be bound
 */
export async function bootstrap(options: BootstrapOptions): Promise<RunningLimiter> {
  const { config, secrets, observability, publisher, clock = systemClock } = options;
  const events = new LimiterEvents({ publisher, instance: observability.instance, configVersion: config.configVersion, clock });
  const store = await openStore(config.limiter.store, { clock, logger: observability.logger });
  const module = AppModule.create({ config, observability, clock, store, onStoreChange: (what, detail) => events.lifecycle(what, detail) });
  const grpcHealth = new HealthImplementation({ '': 'NOT_SERVING', [serviceName]: 'NOT_SERVING' });
  const { address, tls } = config.listeners.limiter;
  const credentials = tls === undefined ? ServerCredentials.createInsecure() : createServerTls(tls, observability.logger);
  const server = options.listen ? new DecisionServer({ address, credentials, health: grpcHealth }) : undefined;
  warmUp();
  const app = await startApp(module, server);
  await app.get(StoreGuard).start();
  const ops = options.ops ? await startOps({ address: config.listeners.ops.address, observability, adminToken: secrets.adminToken }) : undefined;
  setServing(grpcHealth, true);
  observability.health.set('rate-limiter', true);
  events.lifecycle('ready');
  const parts: Parts = { app, server, ops, store, grpcHealth, observability, events };
  let closing: Promise<void> | undefined;
  return {
    link: app.get(DirectLink),
    address: server === undefined ? undefined : { host: address.host, port: server.port },
    replacePolicies: (policySet) => {
      app.get(PolicySnapshot).replace(policySet);
      events.configAccepted(policySet.configVersion);
      observability.logger.info({ configVersion: policySet.configVersion }, 'policies replaced');
    },
    refusePolicies: (reason) => {
      app.get(LimiterMetrics).configRefused();
      events.configRefused(reason);
      observability.logger.error({ reason }, 'policies refused: the last good ones go on');
    },
    close: () => (closing ??= stop(parts)),
  };
}

interface Parts {
  readonly app: INestApplicationContext;
  readonly server: DecisionServer | undefined;
  readonly ops: OpsServer | undefined;
  readonly store: OpenedStore;
  readonly grpcHealth: HealthImplementation;
  readonly observability: Observability;
  readonly events: LimiterEvents;
}

async function startApp(module: DynamicModule, server: DecisionServer | undefined): Promise<INestApplicationContext> {
  if (server === undefined) return NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(module, { strategy: server, logger: false, abortOnError: false });
  await app.listen();
  return app;
}

/** Not ready, `draining` on the streams, answers for everything accepted, then the end (limiter/F7). */
async function stop({ app, server, ops, store, grpcHealth, observability, events }: Parts): Promise<void> {
  setServing(grpcHealth, false);
  observability.health.set('rate-limiter', false, 'draining');
  events.lifecycle('draining');
  app.get(UnaryChecks).drain();
  app.get(StreamSessions).drain();
  await server?.drain(drainTimeoutMs);
  await app.get(StoreGuard).close();
  app.get(CheckLimit).close();
  app.get(LimiterMetrics).close();
  await app.close();
  await store.close();
  events.lifecycle('stopped');
  await ops?.close();
}

function setServing(grpcHealth: HealthImplementation, isServing: boolean): void {
  for (const service of ['', serviceName]) grpcHealth.setStatus(service, isServing ? 'SERVING' : 'NOT_SERVING');
}

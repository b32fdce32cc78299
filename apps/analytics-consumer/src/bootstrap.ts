import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Fault } from '@tidegate/fault';
import type { EventBatch } from '@tidegate/grpc';
import type { Observability } from '@tidegate/observability';
import { createBearerCheck, startOps, type OpsServer } from '@tidegate/ops';
import { formatAddress, systemClock, type Clock, type ListenAddress } from '@tidegate/units';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppModule, tokens } from './app.module.js';
import type { AnalyticsAppConfig, AnalyticsSecrets } from './config.js';
import type { BatchConsumer } from './consume-batch.js';
import type { KafkaConsumer } from './kafka-consumer.js';
import type { Maintenance } from './maintenance.js';
import { openStore, type Store } from './open-store.js';
import { ProblemFilter, toApiProblem } from './problem-filter.js';
import type { Readers } from './query/readers.js';
import type { Sink } from './sink.js';

export interface BootstrapOptions {
  readonly config: AnalyticsAppConfig;
  readonly secrets: AnalyticsSecrets;
  readonly observability: Observability;
  readonly clock?: Clock;
  /** Start the ops server too; in one process another app's server shows everything. */
  readonly ops: boolean;
  /** Serve the API; without, only `accept` answers. */
  readonly listen: boolean;
}

/** A running analytics consumer. */
export interface RunningAnalytics {
  /** For publishers in this process: resolves when the batch's rows are durable. Safe to repeat. */
  accept(batch: EventBatch, partition: number): Promise<void>;
  /** Where the API is served; undefined without `listen`. */
  readonly address: ListenAddress | undefined;
  /** Takes no more, writes what is open and lets go of the file. */
  close(): Promise<void>;
}

/**
 * Opens the store and starts; with Kafka as transport it also reads the topic.
 * @throws StoreError when the file is held by another process, damaged, or cannot be made; the listen error with its address
 */
export async function bootstrap({ config, secrets, observability, clock = systemClock, ops, listen }: BootstrapOptions): Promise<RunningAnalytics> {
  const store = await openStore({ file: config.analytics.store.file, memoryBytesMax: config.analytics.memoryBytesMax });
  const app = await createApp(AppModule.create({ config, observability, clock, store }), { secrets, observability });
  const close = async (): Promise<void> => {
    await app.close();
    await closeParts(app, store);
  };
  try {
    await app.init();
    const address = listen ? await listenOn(app, config.listeners.analytics.address) : undefined;
    const opsServer = ops ? await startOps({ address: config.listeners.ops.address, observability, adminToken: secrets.adminToken }) : undefined;
    const batches = app.get<BatchConsumer>(tokens.batches);
    return { accept: (batch, partition) => batches.accept(batch, partition), address, close: () => closeAll(opsServer, close) };
  } catch (error) {
    await close();
    throw error;
  }
}

async function closeAll(opsServer: OpsServer | undefined, close: () => Promise<void>): Promise<void> {
  await close();
  await opsServer?.close();
}

/** Readers of events first, the file last. */
async function closeParts(app: NestFastifyApplication, store: Store): Promise<void> {
  await app.get<KafkaConsumer | undefined>(tokens.kafka)?.close();
  await app.get<BatchConsumer>(tokens.batches).close();
  await app.get<Maintenance>(tokens.maintenance).close();
  await app.get<Readers>(tokens.readers).close();
  await app.get<Sink>(tokens.sink).close();
  store.close();
}

type Shell = Pick<BootstrapOptions, 'secrets' | 'observability'>;

async function createApp(module: ReturnType<typeof AppModule.create>, { secrets, observability }: Shell): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: 1_024,
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: 1_024 },
    frameworkErrors: onFrameworkError,
  });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, { logger: false, abortOnError: false });
  app.useGlobalFilters(new ProblemFilter(observability.logger));
  requireAdmin(adapter.getInstance<FastifyInstance>(), createBearerCheck(secrets.adminToken));
  return app;
}

/** What the framework refuses before a route is known: a target it cannot decode. */
function onFrameworkError(_error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const { problem } = toApiProblem(new Fault('bad-request', 'target that cannot be decoded'), request.id);
  void reply.status(problem.status).header('content-type', 'application/problem+json').send(JSON.stringify(problem));
}

/** Every path of the API takes the admin token (gateway/A11). */
function requireAdmin(server: FastifyInstance, isAdmin: (authorization: string | undefined) => boolean): void {
  server.addHook('onRequest', async (request, reply) => {
    if (isAdmin(request.headers.authorization)) return;
    const fault = new Fault('unauthenticated', 'analytics API without the admin token');
    const { problem } = toApiProblem(fault, request.id);
    await reply
      .status(problem.status)
      .header('www-authenticate', 'Bearer realm="tidegate-analytics"')
      .header('content-type', 'application/problem+json')
      .send(JSON.stringify(problem));
  });
}

async function listenOn(app: NestFastifyApplication, { host, port }: ListenAddress): Promise<ListenAddress> {
  try {
    await app.listen(port, host);
  } catch (error) {
    throw Object.assign(error as Error, { message: `analytics listener ${formatAddress({ host, port })}: ${(error as Error).message}` });
  }
  return { host, port: (app.getHttpServer().address() as { port: number }).port };
}

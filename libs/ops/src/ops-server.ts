import 'reflect-metadata';
import { Module, type DynamicModule, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Fault, toProblem } from '@tidegate/fault';
import type { Observability } from '@tidegate/observability';
import { formatAddress, type ListenAddress } from '@tidegate/units';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AdminRoute } from './admin-route.js';
import { createBearerCheck } from './bearer-check.js';
import { OpsController, REPORT, type OpsReport } from './ops.controller.js';

/** What an ops server shows. */
export interface OpsOptions {
  readonly address: ListenAddress;
  readonly observability: Observability;
  /** Bearer token of the admin routes. */
  readonly adminToken: string;
  readonly admin?: readonly AdminRoute[];
  /** Health and metrics of more than this process; default: what `observability` holds. */
  readonly report?: OpsReport;
}

/** A running ops server. */
export interface OpsServer {
  readonly address: ListenAddress;
  close(): Promise<void>;
}

@Module({})
class OpsModule {}

const opsModule = (report: OpsReport): DynamicModule => ({
  module: OpsModule,
  controllers: [OpsController],
  providers: [{ provide: REPORT, useValue: report }],
});

const toReport = ({ health, registry }: Observability): OpsReport => ({
  readiness: () => Promise.resolve(health.toReport()),
  metrics: () => registry.metrics(),
});

/**
 * Starts health, metrics and the admin API of a process on their own port.
 * @throws the listen error (EADDRINUSE, EACCES) with the address in its message
 */
export async function startOps({ address, observability, adminToken, admin = [], report = toReport(observability) }: OpsOptions): Promise<OpsServer> {
  const adapter = new FastifyAdapter({ bodyLimit: 64 * 1024, requestTimeout: 10_000 });
  const app = await NestFactory.create<NestFastifyApplication>(opsModule(report), adapter, { logger: false });
  mountAdmin(adapter.getInstance<FastifyInstance>(), admin, createBearerCheck(adminToken));
  await listen(app, address);
  const bound = app.getHttpServer().address() as { port: number };
  return { address: { host: address.host, port: bound.port }, close: () => app.close() };
}

async function listen(app: INestApplication, address: ListenAddress): Promise<void> {
  try {
    await app.listen(address.port, address.host);
  } catch (error) {
    await app.close();
    throw Object.assign(error as Error, { message: `ops listener ${formatAddress(address)}: ${(error as Error).message}` });
  }
}

function mountAdmin(server: FastifyInstance, routes: readonly AdminRoute[], isAdmin: (authorization?: string) => boolean): void {
  for (const route of routes) {
    server.route({
      method: route.method,
      url: route.path,
      handler: async (request, reply) => {
        if (!isAdmin(request.headers.authorization)) return refuse(request, reply);
        const { status, body } = await route.handle(toAdminRequest(request));
        return reply.status(status).send(body);
      },
    });
  }
}

function refuse(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const fault = new Fault('unauthenticated', 'admin route without the admin token');
  return reply
    .status(fault.status)
    .header('www-authenticate', 'Bearer realm="tidegate-ops"')
    .header('content-type', 'application/problem+json')
    .send(JSON.stringify(toProblem(fault, request.id)));
}

const toAdminRequest = (request: FastifyRequest) => ({
  params: request.params as Record<string, string>,
  query: request.query as Record<string, string>,
  body: request.body,
});

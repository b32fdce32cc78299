import { STATUS_CODES } from 'node:http';
import { fastify, type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import { ProblemError } from './problem-error.js';
import { mountSwitches } from './switches.js';

/** Adds the paths of one role to a server. */
export type MountRole = (server: FastifyInstance) => void;

export interface RoleServerOptions {
  /** Name of the service; every reply says it in `x-tidegate-backend` (mesh/M20). */
  readonly role: string;
  readonly mount: MountRole;
  readonly hasSwitches: boolean;
}

/** Longer than any gateway keeps an idle connection, so that it never meets a closing one. */
export const keepAliveTimeoutMs = 75_000;

/** A service of one role: JSON in and out, problems for refusals, `/healthz`. */
export function createRoleServer({ role, mount, hasSwitches }: RoleServerOptions): FastifyInstance {
  const server = fastify({ bodyLimit: 262_144, keepAliveTimeout: keepAliveTimeoutMs, forceCloseConnections: 'idle', return503OnClosing: false });
  server.addHook('onRequest', (_request, reply, done) => {
    reply.header('x-tidegate-backend', role);
    done();
  });
  server.setErrorHandler((error: FastifyError | ProblemError, _request, reply) => sendProblem(reply, toProblemError(error)));
  server.setNotFoundHandler((request, reply) => sendProblem(reply, new ProblemError(404, 'Not found', `${role} has no ${request.method} ${request.url.split('?')[0]}`)));
  server.get('/healthz', () => ({ status: 'ok' }));
  if (hasSwitches) mountSwitches(server);
  mount(server);
  return server;
}

function toProblemError(error: FastifyError | ProblemError): ProblemError {
  if (error instanceof ProblemError) return error;
  const status = error.statusCode ?? 500;
  const detail = status < 500 ? error.message : 'Something broke in the demo service.';
  return new ProblemError(status, STATUS_CODES[status] ?? 'Error', detail);
}

function sendProblem(reply: FastifyReply, { status, title, detail }: ProblemError): FastifyReply {
  const body = JSON.stringify({ type: 'about:blank', title, status, detail });
  return reply.status(status).header('content-type', 'application/problem+json').send(body);
}

import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { Fault, toFault, toProblem, type Problem } from '@tidegate/fault';
import { maskSecrets, type Logger } from '@tidegate/observability';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { QueryRefused } from './query/readers.js';

const details = {
  'too-slow': 'The query took longer than it may; ask for a shorter span, a longer step or fewer filters on the raw window.',
  'too-many': 'Too many queries wait; try again.',
} as const;

/** The problem document of anything thrown while a question was answered. */
export function toApiProblem(thrown: unknown, requestId: string): { readonly problem: Problem; readonly fault: Fault | undefined } {
  if (thrown instanceof QueryRefused) {
    const problem = { type: `urn:problem-type:tidegate:query-${thrown.why}`, title: 'Query refused', status: 503, detail: details[thrown.why], requestId };
    return { problem, fault: undefined };
  }
  const fault = thrown instanceof HttpException && thrown.getStatus() === 404 ? new Fault('not-found', 'no such endpoint', { detail: 'No such endpoint; see /openapi.json.' }) : toFault(thrown);
  return { problem: toProblem(fault, requestId), fault };
}

/** The only place of the API that makes an error answer. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const { problem, fault } = toApiProblem(thrown, request.id);
    if (fault !== undefined && problem.status >= 500) this.#logger.error({ err: thrown, target: maskSecrets(request.url) }, 'analytics: a query failed');
    for (let at = 0; at + 1 < (fault?.details.fields?.length ?? 0); at += 2) {
      void reply.header(fault?.details.fields?.[at] ?? '', fault?.details.fields?.[at + 1] ?? '');
    }
    void reply.status(problem.status).header('content-type', 'application/problem+json').send(JSON.stringify(problem));
  }
}

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ProblemError } from './problem-error.js';

/** What a demo service can be told to do wrong. */
const switchesSchema = z.strictObject({
  /** Added before every answer. */
  latencyMs: z.int().min(0).max(60_000).default(0),
  /** Share of the requests that fail, 0 to 1. */
  failRatio: z.number().min(0).max(1).default(0),
  /** How they fail: with this status, or by closing the connection without an answer. */
  failWith: z.union([z.int().min(400).max(599), z.literal('reset')]).default(500),
});

type Switches = z.output<typeof switchesSchema>;

/**
 * Adds `GET|PUT /demo/switches` (for the whole instance) and `x-demo-latency-ms`, `x-demo-status` (for one request) to a
 * service. Only mounted when `demo.switches` is on.
 */
export function mountSwitches(server: FastifyInstance): void {
  let current: Switches = switchesSchema.parse({});
  let seen = 0;
  server.get('/demo/switches', () => current);
  server.put('/demo/switches', (request) => {
    const parsed = switchesSchema.safeParse(request.body);
    if (!parsed.success) throw new ProblemError(400, 'Bad switches', z.prettifyError(parsed.error));
    current = parsed.data;
    seen = 0;
    return current;
  });
  server.addHook('preHandler', async (request, reply) => {
    if (request.url === '/demo/switches' || request.url === '/healthz') return undefined;
    await sleep(current.latencyMs + numberField(request, 'x-demo-latency-ms', 60_000));
    const status = numberField(request, 'x-demo-status', 599);
    if (status >= 400) throw new ProblemError(status, 'Asked for', 'x-demo-status asked for this answer');
    seen += 1;
    // Evenly spread, so that a test knows how many fail.
    const isFailing = Math.floor(seen * current.failRatio) > Math.floor((seen - 1) * current.failRatio);
    return isFailing ? fail(reply, current.failWith) : undefined;
  });
}

function fail(reply: FastifyReply, failWith: Switches['failWith']): FastifyReply {
  if (failWith !== 'reset') throw new ProblemError(failWith, 'Switched to fail', 'this instance was told to fail');
  reply.hijack();
  reply.raw.socket?.resetAndDestroy();
  return reply;
}

function numberField(request: FastifyRequest, name: string, max: number): number {
  const value = Number(request.headers[name] ?? 0);
  return Number.isInteger(value) && value >= 0 && value <= max ? value : 0;
}

const sleep = (ms: number): Promise<void> => (ms === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms)));

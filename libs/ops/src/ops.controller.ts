import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { Observability } from '@tidegate/observability';
import type { FastifyReply } from 'fastify';

/** Token of the process's Observability. */
export const OBSERVABILITY = Symbol('observability');

/** Liveness, readiness with reasons, and metrics: open on the ops port (gateway/A11). */
@Controller()
export class OpsController {
  readonly #observability: Observability;

  constructor(@Inject(OBSERVABILITY) observability: Observability) {
    this.#observability = observability;
  }

  @Get('healthz')
  health(): { alive: true } {
    return { alive: true };
  }

  @Get('readyz')
  ready(@Res() reply: FastifyReply): void {
    const report = this.#observability.health.toReport();
    void reply.status(report.ready ? 200 : 503).send(report);
  }

  @Get('metrics')
  async metrics(@Res() reply: FastifyReply): Promise<void> {
    const text = await this.#observability.registry.metrics();
    await reply.header('content-type', this.#observability.registry.contentType).send(text);
  }
}

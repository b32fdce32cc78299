import { Controller, Get, Inject, Res } from '@nestjs/common';
import { Registry, type HealthState } from '@tidegate/observability';
import type { FastifyReply } from 'fastify';

/** What an ops server shows of a process, or of several. */
export interface OpsReport {
  readiness(): Promise<ReturnType<HealthState['toReport']>>;
  /** In the text format of Prometheus. */
  metrics(): Promise<string>;
}

/** Token of what is shown. */
export const REPORT = Symbol('report');

/** Liveness, readiness with reasons, and metrics: open on the ops port (gateway/A11). */
@Controller()
export class OpsController {
  readonly #report: OpsReport;

  constructor(@Inject(REPORT) report: OpsReport) {
    this.#report = report;
  }

  @Get('healthz')
  health(): { alive: true } {
    return { alive: true };
  }

  @Get('readyz')
  async ready(@Res() reply: FastifyReply): Promise<void> {
    const readiness = await this.#report.readiness();
    await reply.status(readiness.ready ? 200 : 503).send(readiness);
  }

  @Get('metrics')
  async metrics(@Res() reply: FastifyReply): Promise<void> {
    const text = await this.#report.metrics();
    await reply.header('content-type', Registry.PROMETHEUS_CONTENT_TYPE).send(text);
  }
}

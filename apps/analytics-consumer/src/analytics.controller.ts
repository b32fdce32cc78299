import { Controller, Get, Inject, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Answer, Question } from './query/endpoints.js';
import type { EndpointName } from './query/parameters.js';
import { toOpenApi } from './query/open-api.js';
import { toCsv } from './query/to-csv.js';

/** Token of the API's questions. */
export const ENDPOINTS = Symbol('endpoints');

type QueryText = Readonly<Record<string, unknown>>;

/** The JSON and CSV API (analytics/Q1): one line per question. */
@Controller()
export class AnalyticsController {
  readonly #endpoints: Readonly<Record<EndpointName, (question: Question) => Promise<Answer>>>;

  constructor(@Inject(ENDPOINTS) endpoints: Readonly<Record<EndpointName, (question: Question) => Promise<Answer>>>) {
    this.#endpoints = endpoints;
  }

  @Get('v1/summary')
  summary(@Query() query: QueryText, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer('summary', { query, id: '' }, reply);
  }

  @Get('v1/series')
  series(@Query() query: QueryText, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer('series', { query, id: '' }, reply);
  }

  @Get('v1/top')
  top(@Query() query: QueryText, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer('top', { query, id: '' }, reply);
  }

  @Get('v1/clients/:id')
  client(@Param('id') id: string, @Query() query: QueryText, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer('client', { query, id }, reply);
  }

  @Get('v1/routes/:id')
  route(@Param('id') id: string, @Query() query: QueryText, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer('route', { query, id }, reply);
  }

  @Get('v1/events')
  events(@Query() query: QueryText, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer('events', { query, id: '' }, reply);
  }

  @Get('v1/replays/:run')
  replay(@Param('run') id: string, @Query() query: QueryText, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer('replay', { query, id }, reply);
  }

  @Get('openapi.json')
  openApi(): object {
    return toOpenApi();
  }

  async #answer(name: EndpointName, question: Question, reply: FastifyReply): Promise<void> {
    const { body, rows, format } = await this.#endpoints[name](question);
    if (format === 'csv') await reply.header('content-type', 'text/csv; charset=utf-8; header=present').send(toCsv(rows));
    else await reply.send(body);
  }
}

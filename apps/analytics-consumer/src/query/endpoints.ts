import type { Clock } from '@tidegate/units';
import { queryClient, queryRoute } from './detail-queries.js';
import { queryEvents } from './event-queries.js';
import { parseParameters, type EndpointName } from './parameters.js';
import type { Readers } from './readers.js';
import { queryReplay } from './replay-query.js';
import { querySeries, querySummary } from './route-queries.js';
import { queryTop } from './top-queries.js';

/** An answer: the JSON document, and its rows when a table was asked for. */
export interface Answer {
  readonly body: object;
  readonly rows: readonly object[];
  readonly format: 'json' | 'csv';
}

/** What an endpoint is given: nothing of it is trusted. */
export interface Question {
  readonly query: Readonly<Record<string, unknown>>;
  /** The path's parameter, '' where it has none. */
  readonly id: string;
}

export interface EndpointOptions {
  readonly readers: Readers;
  readonly clock: Clock;
}

type Endpoint = (question: Question) => Promise<Answer>;

/** The API's questions by name (analytics/Q1). Each throws Fault for bad input and QueryRefused when it costs too much. */
export function createEndpoints({ readers, clock }: EndpointOptions): Readonly<Record<EndpointName, Endpoint>> {
  return {
    summary: async ({ query }) => {
      const parsed = parseParameters('summary', query);
      const body = await querySummary(readers, parsed, clock.nowMs());
      return { body, rows: body.groups ?? [body], format: parsed.format };
    },
    series: async ({ query }) => {
      const parsed = parseParameters('series', query);
      const points = await querySeries(readers, parsed, clock.nowMs());
      return { body: { stepMs: parsed.step, points }, rows: points, format: parsed.format };
    },
    top: async ({ query }) => {
      const parsed = parseParameters('top', query);
      const body = await queryTop(readers, parsed, clock.nowMs());
      return { body, rows: body.items, format: parsed.format };
    },
    client: async ({ query, id }) => {
      const parsed = parseParameters('client', query);
      const body = await queryClient(readers, id, { query: parsed, nowMs: clock.nowMs() });
      return { body, rows: body.points, format: parsed.format };
    },
    route: async ({ query, id }) => {
      const parsed = parseParameters('route', query);
      const body = await queryRoute(readers, id, { query: parsed, nowMs: clock.nowMs() });
      return { body, rows: body.points, format: parsed.format };
    },
    events: async ({ query }) => {
      const parsed = parseParameters('events', query);
      const body = await queryEvents(readers, parsed, clock.nowMs());
      return { body, rows: body.items, format: parsed.format };
    },
    replay: async ({ query, id }) => {
      const parsed = parseParameters('replay', query);
      const body = await queryReplay(readers, id, parsed.sent);
      return { body, rows: [body], format: parsed.format };
    },
  };
}

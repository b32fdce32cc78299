import { z } from 'zod';
import { parameters, type EndpointName } from './parameters.js';

const paths: Readonly<Record<EndpointName, { readonly path: string; readonly summary: string; readonly idName?: string }>> = {
  summary: { path: '/v1/summary', summary: 'Totals, statuses and latency quantiles of a span' },
  series: { path: '/v1/series', summary: 'The same per step, and per route, service, status or class' },
  top: { path: '/v1/top', summary: 'Busiest, most denied or most failing routes, clients or limits' },
  client: { path: '/v1/clients/{id}', summary: 'One client (a principal such as jwt:alice)', idName: 'id' },
  route: { path: '/v1/routes/{id}', summary: 'One route', idName: 'id' },
  events: { path: '/v1/events', summary: 'Events of the raw window, newest first' },
  replay: { path: '/v1/replays/{run}', summary: 'What arrived of a replay (request ids replay-<run>-<line>)', idName: 'run' },
};

interface JsonSchema {
  readonly properties?: Readonly<Record<string, object>>;
  readonly required?: readonly string[];
}

/** The OpenAPI 3.1 document of the API, made from the schemas that check its parameters. */
export function toOpenApi(): object {
  const entries = (Object.keys(paths) as EndpointName[]).map((name) => [paths[name].path, { get: toOperation(name) }] as const);
  return {
    openapi: '3.1.0',
    info: { title: 'Tidegate analytics', version: '1', description: 'Times are RFC 3339, milliseconds since the epoch, `now`, or `now-15m`. Spans are widened to whole minutes, but for events.' },
    security: [{ adminToken: [] }],
    paths: Object.fromEntries(entries),
    components: { securitySchemes: { adminToken: { type: 'http', scheme: 'bearer' } } },
  };
}

function toOperation(name: EndpointName): object {
  const { summary, idName } = paths[name];
  const schema = z.toJSONSchema(parameters[name], { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const inQuery = Object.entries(schema.properties ?? {}).map(([parameter, parameterSchema]) => ({
    name: parameter,
    in: 'query',
    required: schema.required?.includes(parameter) ?? false,
    schema: parameterSchema,
  }));
  const inPath = idName === undefined ? [] : [{ name: idName, in: 'path', required: true, schema: { type: 'string' } }];
  const problem = (description: string) => ({ description, content: { 'application/problem+json': { schema: { type: 'object' } } } });
  return {
    operationId: name,
    summary,
    parameters: [...inPath, ...inQuery],
    responses: {
      200: { description: 'The answer', content: { 'application/json': { schema: { type: 'object' } }, 'text/csv': { schema: { type: 'string' } } } },
      400: problem('A parameter is unknown or not allowed; `problems` and `allowed` say which and what is'),
      401: problem('The admin token is missing or wrong'),
      503: problem('The query took too long, or too many wait'),
    },
  };
}

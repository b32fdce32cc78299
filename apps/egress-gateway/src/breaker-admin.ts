import type { AdminReply, AdminRoute } from '@tidegate/ops';
import type { Circuit, UpstreamService } from '@tidegate/proxy';
import { z } from 'zod';

const holdSchema = z.strictObject({
  hold: z.enum(['open', 'closed', 'auto']),
  /** host:port; absent: the whole service. */
  upstream: z.string().optional(),
});

/** `GET /breakers` shows all; `PUT /breakers/:service` holds one open or closed, or lets it decide (gateway/U4). */
export function createBreakerRoutes(services: ReadonlyMap<string, UpstreamService>): AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/breakers',
      handle: async () => ({ status: 200, body: { breakers: [...services.values()].flatMap((service) => toRows(service)) } }),
    },
    {
      method: 'PUT',
      path: '/breakers/:service',
      handle: async ({ params, body }) => holdBreaker(services.get(params['service'] ?? ''), body),
    },
  ];
}

function holdBreaker(service: UpstreamService | undefined, body: unknown): AdminReply {
  if (service === undefined) return refusal(404, 'no such service');
  const wanted = holdSchema.safeParse(body);
  if (!wanted.success) return refusal(400, 'expected { "hold": "open" | "closed" | "auto", "upstream"?: "host:port" }');
  const { hold, upstream } = wanted.data;
  const circuit = upstream === undefined ? service.circuit : service.endpoints.find(({ name }) => name === upstream)?.circuit;
  if (circuit === undefined || circuit === null) return refusal(404, `service ${service.name} has no such upstream`);
  circuit.holdAt(hold);
  return { status: 200, body: toRow(service.name, upstream ?? '', circuit) };
}

const refusal = (status: number, detail: string): AdminReply => ({ status, body: { detail } });

function toRows({ name, circuit, endpoints }: UpstreamService): unknown[] {
  const rows: unknown[] = [toRow(name, '', circuit)];
  for (const endpoint of endpoints) {
    if (endpoint.circuit === null) continue;
    rows.push({ ...toRow(name, endpoint.name, endpoint.circuit), healthy: endpoint.isHealthy, inFlight: endpoint.inFlight });
  }
  return rows;
}

function toRow(service: string, upstream: string, circuit: Circuit): Record<string, unknown> {
  const { state, hold, retryAfterMs } = circuit;
  return { service, upstream, state, hold, ...(state === 'open' ? { retryAfterMs: Math.ceil(retryAfterMs) } : {}) };
}

import { randomUUID } from 'node:crypto';
import type { Clock } from '@tidegate/units';
import { z } from 'zod';
import { BoundedMap } from '../bounded-map.js';
import { callerOf } from '../caller.js';
import { parseBody } from '../parse-body.js';
import { ProblemError } from '../problem-error.js';
import type { MountRole } from '../role-server.js';
import { catalogue } from './products.js';

interface Order {
  readonly id: string;
  readonly owner: string;
  readonly items: readonly { readonly productId: string; readonly quantity: number }[];
  readonly totalCents: number;
  readonly createdAt: string;
}

const ordersMax = 10_000;
const newOrder = z.strictObject({
  items: z.array(z.strictObject({ productId: z.string(), quantity: z.int().min(1).max(1_000) })).min(1).max(100),
});

/** `GET|POST /api/orders` and `GET /api/orders/{id}`: a caller sees its own. All instances of a process share the orders. */
export function createOrders(clock: Clock): MountRole {
  const orders = new BoundedMap<Order>(ordersMax);
  return (server) => {
    server.get('/api/orders', (request) => {
      const { id } = callerOf(request);
      return { orders: [...orders.values()].filter(({ owner }) => owner === id).slice(-100) };
    });
    server.get<{ Params: { id: string } }>('/api/orders/:id', (request) => {
      const { id } = callerOf(request);
      const order = orders.get(request.params.id);
      if (order?.owner !== id) throw new ProblemError(404, 'Not found', 'no such order');
      return order;
    });
    server.post('/api/orders', (request, reply) => {
      const caller = callerOf(request);
      if (!caller.scopes.includes('orders:write')) throw new ProblemError(403, 'Forbidden', 'placing an order needs the scope orders:write');
      const { items } = parseBody(newOrder, request.body);
      const order: Order = { id: randomUUID(), owner: caller.id, items, totalCents: priceOf(items), createdAt: new Date(clock.nowMs()).toISOString() };
      orders.set(order.id, order);
      return reply.status(201).header('location', `/api/orders/${order.id}`).send(order);
    });
  };
}

function priceOf(items: Order['items']): number {
  return items.reduce((sum, { productId, quantity }) => {
    const product = catalogue.find(({ id }) => id === productId);
    if (product === undefined) throw new ProblemError(422, 'Unprocessable content', `no product "${productId}"`);
    return sum + product.priceCents * quantity;
  }, 0);
}

import { z } from 'zod';
import { ProblemError } from '../problem-error.js';
import { parseBody } from '../parse-body.js';
import type { MountRole } from '../role-server.js';

/** One thing for sale. */
export interface Product {
  readonly id: string;
  readonly name: string;
  readonly priceCents: number;
  readonly stock: number;
}

const shelf = ['anchor', 'bollard', 'buoy', 'capstan', 'cleat', 'compass', 'fender', 'hawser', 'lantern', 'log line', 'sextant', 'tide table'];

/** What the demo sells. */
export const catalogue: readonly Product[] = shelf.map((name, at) => ({
  id: String(at + 1),
  name,
  priceCents: 1_250 + 775 * at,
  stock: (at * 7) % 20,
}));

const listQuery = z.strictObject({
  q: z.string().max(64).default(''),
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

/** `GET /api/products?q=&offset=&limit=` and `GET /api/products/{id}`. */
export const mountProducts: MountRole = (server) => {
  server.get('/api/products', (request, reply) => {
    const { q, offset, limit } = parseBody(listQuery, request.query);
    const found = catalogue.filter(({ name }) => name.includes(q.toLowerCase()));
    reply.header('cache-control', 'public, max-age=60');
    return { total: found.length, products: found.slice(offset, offset + limit) };
  });
  server.get<{ Params: { id: string } }>('/api/products/:id', (request, reply) => {
    const product = catalogue.find(({ id }) => id === request.params.id);
    if (product === undefined) throw new ProblemError(404, 'Not found', 'no such product');
    reply.header('cache-control', 'public, max-age=60');
    return product;
  });
};

import { randomUUID } from 'node:crypto';
import type { Clock } from '@tidegate/units';
import { z } from 'zod';
import { BoundedMap } from '../bounded-map.js';
import { callerOf } from '../caller.js';
import { parseBody } from '../parse-body.js';
import { ProblemError } from '../problem-error.js';
import type { MountRole } from '../role-server.js';

interface Payment {
  readonly id: string;
  readonly payer: string;
  readonly orderId: string;
  readonly amountCents: number;
  readonly currency: string;
  readonly createdAt: string;
}

const paymentsMax = 10_000;
const newPayment = z.strictObject({
  orderId: z.string().min(1).max(64),
  amountCents: z.int().min(1).max(100_000_000),
  currency: z.enum(['EUR', 'USD', 'GBP']).default('EUR'),
});

/** `POST /api/payments`: with an `Idempotency-Key`, paying twice is paying once. */
export function createPayments(clock: Clock): MountRole {
  const byKey = new BoundedMap<Payment>(paymentsMax);
  return (server) => {
    server.post('/api/payments', (request, reply) => {
      const payer = callerOf(request).id;
      const wanted = parseBody(newPayment, request.body);
      const key = request.headers['idempotency-key'];
      const known = typeof key === 'string' ? byKey.get(`${payer} ${key}`) : undefined;
      if (known !== undefined) return reply.status(200).send(sameOr409(known, wanted));
      const payment: Payment = { id: randomUUID(), payer, ...wanted, createdAt: new Date(clock.nowMs()).toISOString() };
      if (typeof key === 'string') byKey.set(`${payer} ${key}`, payment);
      return reply.status(201).header('location', `/api/payments/${payment.id}`).send(payment);
    });
  };
}

function sameOr409(known: Payment, wanted: z.output<typeof newPayment>): Payment {
  const isSame = known.orderId === wanted.orderId && known.amountCents === wanted.amountCents && known.currency === wanted.currency;
  if (!isSame) throw new ProblemError(409, 'Conflict', 'this Idempotency-Key was used for another payment');
  return known;
}

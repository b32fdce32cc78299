import type { Stage, Next } from '@tidegate/pipeline';
import { CountedError } from '@tidegate/proxy';
import type { Clock } from '@tidegate/units';
import type { EgressExchange } from '../egress-exchange.js';
import { countsAgainstUpstream, isErrorAnswer } from '../error-answer.js';
import { destinationOf } from './resolve-destination.js';

/**
 * The service's breaker, round the whole series of attempts (gateway/U4). The series settles at the answer's head; this
 * stage ends when the body has ended, and a body that died counts as one more error.
 */
export function breakCircuit({ clock }: { readonly clock: Clock }): Stage<EgressExchange> {
  return async function breakCircuit(exchange, next) {
    const { service } = destinationOf(exchange);
    try {
      await service.circuit.fire(() => runSeries(exchange, next, clock));
    } catch (error) {
      if (!(error instanceof CountedError)) throw error;
    }
    const { call } = exchange;
    if (call === undefined) return;
    if (!call.isEnded) await call.whenEnded();
    if (call.bodyFault === undefined || !countsAgainstUpstream(call.bodyFault)) return;
    service.circuit.countError();
    call.endpoint.circuit?.countError();
    service.report(call.endpoint, 0, true);
  };
}

async function runSeries(exchange: EgressExchange, next: Next, clock: Clock): Promise<void> {
  const { slowAfterMs } = destinationOf(exchange).service.config.breaker;
  const startedAtMs = slowAfterMs === null ? 0 : clock.monotonicMs();
  await next();
  const waitedSinceMs = Math.max(startedAtMs, exchange.call?.writtenAtMs ?? 0);
  const isSlow = slowAfterMs !== null && clock.monotonicMs() - waitedSinceMs > slowAfterMs;
  if (isSlow || isErrorAnswer(exchange.call?.status ?? 0)) throw new CountedError(exchange.call);
}

import { Fault, toFault } from '@tidegate/fault';
import type { Exchange, Stage } from '@tidegate/pipeline';
import { sendProblem } from './send-problem.js';

/** An exchange that remembers what ended it. A stage may put a refusal there and return, which costs less than throwing it. */
export interface RescuedExchange extends Exchange {
  fault: Fault | undefined;
}

export interface RescueErrorsOptions<E extends RescuedExchange> {
  /** Told of every fault once, before its answer is sent. */
  readonly onFault?: (exchange: E, fault: Fault) => void;
  /** Fields for the answer to a fault, e.g. rate-limit fields of a denial. */
  readonly fieldsFor?: (exchange: E, fault: Fault) => readonly string[];
}

/**
 * Turns every fault into the answer, the only place that does (gateway/H13). A fault after the answer's head was started
 * breaks the message off instead (gateway/H9). What cancelled the exchange comes before what failed because of that.
 */
export function rescueErrors<E extends RescuedExchange>({ onFault, fieldsFor }: RescueErrorsOptions<E> = {}): Stage<E> {
  return async function rescueErrors(exchange, next) {
    let fault: Fault | undefined;
    try {
      await next();
      if (!exchange.response.isFinished) fault = exchange.cancellation.reason ?? exchange.fault ?? new Fault('internal', 'no stage finished the answer');
    } catch (error) {
      fault = exchange.cancellation.reason ?? toFault(error);
    }
    if (fault === undefined) {
      exchange.fault ??= exchange.response.abortReason ?? exchange.cancellation.reason;
      return;
    }
    exchange.fault = fault;
    onFault?.(exchange, fault);
    answer(exchange, fault, fieldsFor?.(exchange, fault));
  };
}

function answer(exchange: Exchange, fault: Fault, fields?: readonly string[]): void {
  const { response } = exchange;
  if (response.isFinished) return;
  if (response.isStarted || fault.code === 'client-closed') response.abort(fault);
  else sendProblem(exchange, fault, fields);
}

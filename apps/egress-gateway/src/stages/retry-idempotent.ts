import type { Stage } from '@tidegate/pipeline';
import { isRepeatable, mayRetry } from '@tidegate/proxy';
import type { Clock } from '@tidegate/units';
import type { EgressExchange } from '../egress-exchange.js';
import { destinationOf } from './resolve-destination.js';

export interface RetryIdempotentOptions {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Told of each retry. */
  readonly onRetry: (service: string) => void;
}

/** Longest pause before the first retry; twice that before the second, and so on. */
const pauseMsMax = 20;
const none: readonly number[] = [];

/**
 * Tries again where nothing can have been processed twice (gateway/U5): another endpoint if there is one, after a jittered
 * pause, within the service's budget, never past the deadline.
 */
export function retryIdempotent({ clock, random, onRetry }: RetryIdempotentOptions): Stage<EgressExchange> {
  const hasTime = (exchange: EgressExchange, tries: number): boolean =>
    clock.monotonicMs() + longestPauseMs(tries) < exchange.deadlineAtMs;
  return async function retryIdempotent(exchange, next) {
    const { budget, config, name } = destinationOf(exchange).service;
    const { attempts, retryOn } = config.retry;
    const isStatusRetried = retryOn.length > 0 && isRepeatable(exchange.head.method, exchange.body);
    budget.countRequest();
    for (let tries = 1; ; tries += 1) {
      const mayDiscard = isStatusRetried && tries < attempts && budget.hasRetry && hasTime(exchange, tries);
      exchange.discardStatuses = mayDiscard ? retryOn : none;
      try {
        await next();
        if (exchange.call?.isDiscarded !== true) return;
      } catch (error) {
        if (tries >= attempts || !isFailureRetried(exchange) || !budget.hasRetry || !hasTime(exchange, tries)) throw error;
      }
      budget.takeRetry();
      if (exchange.call !== undefined) (exchange.tried ??= []).push(exchange.call.endpoint);
      onRetry(name);
      await pause(random() * longestPauseMs(tries));
    }
  };
}

const longestPauseMs = (tries: number): number => pauseMsMax * 2 ** (tries - 1);

function isFailureRetried({ call, head, body, cancellation }: EgressExchange): boolean {
  if (call?.failure === undefined || cancellation.reason !== undefined) return false;
  return mayRetry(call.failure.stage, head.method, body);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

import { Fault } from '@tidegate/fault';
import type { Pipeline } from '@tidegate/pipeline';
import type { EgressCall, EgressLink } from '@tidegate/proxy';
import type { Clock } from '@tidegate/units';
import { EgressExchange } from './egress-exchange.js';

const peer = { address: 'in-process', port: 0, listener: 'egress' } as const;

/**
 * The link in one process (gateway/U10): the egress pipeline works on ingress's own head, body, sink and cancellation;
 * nothing is copied or framed. All faults become answers in the sink, as they would over the network.
 */
export function createInProcessLink(pipeline: Pipeline<EgressExchange>, clock: Clock): EgressLink {
  let inFlight = 0;
  let isClosed = false;
  let onIdle: (() => void) | undefined;
  const forward = async (call: EgressCall): Promise<void> => {
    if (isClosed) throw new Fault('draining', 'the egress gateway has stopped');
    const exchange = new EgressExchange({
      head: call.head,
      body: call.body,
      response: call.response,
      cancellation: call.cancellation,
      peer,
      arrivedAtMs: clock.nowMs(),
      arrivedAtMonotonicMs: clock.monotonicMs(),
    });
    exchange.bodyBytesMax = call.bodyBytesMax;
    exchange.isStreaming = call.streaming;
    exchange.linkDeadlineAtMs = call.deadlineAtMs;
    inFlight += 1;
    try {
      await pipeline(exchange);
    } finally {
      inFlight -= 1;
      if (inFlight === 0) onIdle?.();
    }
  };
  const close = (): Promise<void> => {
    isClosed = true;
    return inFlight === 0 ? Promise.resolve() : new Promise((resolve) => (onIdle = resolve));
  };
  return { forward, close };
}

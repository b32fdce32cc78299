import type { InternalTokens } from '@tidegate/auth';
import type { Logger } from '@tidegate/observability';
import { compose, type Pipeline } from '@tidegate/pipeline';
import { identifyRequest, rescueErrors, reservedFields, type DeadlineWheel } from '@tidegate/proxy';
import type { Clock } from '@tidegate/units';
import type { EgressEvents } from './egress-events.js';
import type { EgressExchange } from './egress-exchange.js';
import type { EgressMetrics } from './egress-metrics.js';
import { toEgressReport } from './egress-report.js';
import type { Snapshot } from './snapshot.js';
import { breakCircuit } from './stages/break-circuit.js';
import { forwardToService } from './stages/forward-to-service.js';
import { limitUpstream } from './stages/limit-upstream.js';
import { recordRequest } from './stages/record-request.js';
import { resolveDestination } from './stages/resolve-destination.js';
import { retryIdempotent } from './stages/retry-idempotent.js';
import { verifyCaller } from './stages/verify-caller.js';

/** What the stages work with. */
export interface PipelineParts {
  readonly clock: Clock;
  readonly deadlines: DeadlineWheel;
  readonly events: EgressEvents;
  readonly logger: Logger;
  readonly mayLog: () => boolean;
  readonly metrics: EgressMetrics;
  readonly snapshot: () => Snapshot;
  readonly tokens: Pick<InternalTokens, 'verify'>;
  /** In [0, 1). */
  readonly random: () => number;
}

/**
 * One request through the egress gateway in `direct` mode, in order. recordRequest wraps rescueErrors, so it sees the final
 * status; nothing is looked up for a caller that is not verified; the service's breaker stands round all attempts.
 */
export function createPipeline(parts: PipelineParts): Pipeline<EgressExchange> {
  const { clock, deadlines, events, logger, mayLog, metrics, snapshot, tokens, random } = parts;
  const stages = [
    identifyRequest<EgressExchange>({ isTrustedPeer: () => true }),
    recordRequest({ metrics, logger, mayLog, clock }),
    rescueErrors<EgressExchange>({ fieldsFor: (exchange, fault) => [reservedFields.egress, toEgressReport(exchange, fault)] }),
    verifyCaller({ tokens, onRefused: (exchange) => events.callerRefused(exchange) }),
    resolveDestination(snapshot),
    limitUpstream(),
    breakCircuit({ clock }),
    retryIdempotent({ clock, random, onRetry: (service) => metrics.recordRetry(service) }),
    forwardToService({ deadlines, clock }),
  ];
  return compose(stages);
}

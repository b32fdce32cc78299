import { BodyCompletion, type Event, type RequestEvent, type StageLatencies } from '@tidegate/grpc';
import { clientPrefix } from './client-prefix.js';
import type { IngressExchange } from './ingress-exchange.js';

/** What the events of this process have in common. */
export interface EventSource {
  readonly nextId: () => string;
  readonly instance: string;
}

/** How an exchange ended, as recordRequest found it. */
export interface ExchangeEnd {
  /** Status for log, metrics and event: 499 when the client left before an answer. */
  readonly status: number;
  readonly endedAtMonotonicMs: number;
}

const app = 'ingress-gateway';
const toUs = (ms: number): number => Math.max(0, Math.round(ms * 1_000));

/** The one event of a request (analytics/N2). Called after its answer, so it may cost a little, but allocates once. */
export function buildRequestEvent(exchange: IngressExchange, end: ExchangeEnd, source: EventSource): Event {
  return {
    id: source.nextId(),
    atUs: Math.round(exchange.arrivedAtMs * 1_000),
    app,
    instance: source.instance,
    configVersion: exchange.snapshot?.configVersion ?? '',
    kind: { $case: 'request', value: toRequestEvent(exchange, end) },
  };
}

function toRequestEvent(exchange: IngressExchange, end: ExchangeEnd): RequestEvent {
  const { route, principal, decision, egress } = exchange;
  const bound = decision?.limits[0];
  return {
    requestId: exchange.requestId,
    traceId: exchange.traceId,
    route: route?.name ?? '-',
    service: route?.service ?? '',
    pathTemplate: route?.template ?? '-',
    resourceIds: [...exchange.resourceIds],
    method: exchange.head.method,
    status: end.status,
    faultCode: exchange.fault?.code ?? '',
    principal: exchange.principalKey,
    principalKind: principal.kind,
    consumer: principal.consumer ?? '',
    plan: principal.plan ?? '',
    authenticationClass: principal.kind,
    clientAddress: exchange.clientAddress,
    clientPrefix: clientPrefix(exchange.clientAddress),
    headerFingerprint: exchange.headerFingerprint,
    policy: decision?.policy ?? '',
    boundLimit: decision?.boundLimit ?? '',
    decisionId: decision?.decisionId ?? '',
    decisionReason: decision?.reason ?? 0,
    degraded: decision?.degraded ?? false,
    adjustmentPercent: bound?.adjustment?.multiplierPercent ?? 0,
    durationUs: toUs(end.endedAtMonotonicMs - exchange.arrivedAtMonotonicMs),
    stages: toStageLatencies(exchange),
    requestBytes: exchange.requestBytes,
    responseBytes: exchange.response.bodyBytes,
    completion: toCompletion(exchange),
    cacheState: '',
    breakerState: egress?.breaker ?? '',
    upstream: egress?.upstream ?? '',
    attempts: egress?.attempts ?? 0,
    replayLine: 0,
  };
}

function toStageLatencies(exchange: IngressExchange): StageLatencies {
  const { authenticateMs, limitMs, egressHeadMs, egress } = exchange;
  return {
    authenticateUs: toUs(authenticateMs),
    limitUs: toUs(limitMs),
    egressHeadUs: toUs(egressHeadMs),
    upstreamHeadUs: toUs(egress?.headMs ?? 0),
  };
}

function toCompletion(exchange: IngressExchange): BodyCompletion {
  if (exchange.cancellation.reason !== undefined || exchange.isAnswerCut) return BodyCompletion.ABORTED;
  return exchange.isEndUncertain ? BodyCompletion.UNKNOWN : BodyCompletion.COMPLETE;
}

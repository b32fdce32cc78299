import { BodyCompletion, type RequestEvent } from '@tidegate/grpc';
import { clientPrefix } from './client-prefix.js';
import type { IngressExchange } from './ingress-exchange.js';

/** How an exchange ended, as recordRequest found it. */
export interface ExchangeEnd {
  /** Status for log, metrics and event: 499 when the client left before an answer. */
  readonly status: number;
  readonly endedAtMonotonicMs: number;
}

/** A request of which nothing is known: route `-`, nobody, no answer. */
export const emptyRequestEvent: RequestEvent = Object.freeze({
  requestId: '',
  traceId: '',
  route: '-',
  service: '',
  pathTemplate: '-',
  resourceIds: [],
  method: '',
  status: 0,
  faultCode: '',
  principal: '',
  principalKind: 'anonymous',
  consumer: '',
  plan: '',
  authenticationClass: 'anonymous',
  clientAddress: '',
  clientPrefix: '',
  headerFingerprint: '',
  policy: '',
  boundLimit: '',
  decisionId: '',
  decisionReason: 0,
  degraded: false,
  adjustmentPercent: 0,
  durationUs: 0,
  stages: undefined,
  requestBytes: 0,
  responseBytes: 0,
  completion: BodyCompletion.UNSPECIFIED,
  cacheState: '',
  breakerState: '',
  upstream: '',
  attempts: 0,
  replayLine: 0,
});

const toUs = (ms: number): number => Math.max(0, Math.round(ms * 1_000));

/** The one event of a request (analytics/N2): what ingress measured, with the limiter's and egress's part. */
export function toRequestEvent(exchange: IngressExchange, end: ExchangeEnd): RequestEvent {
  const { route, principal, decision, egress } = exchange;
  const bound = decision?.limits.find(({ limit }) => limit === decision.boundLimit);
  return {
    requestId: exchange.requestId,
    traceId: exchange.traceId,
    route: route?.name ?? '-',
    service: route?.service ?? '',
    pathTemplate: route?.template ?? '-',
    resourceIds: exchange.resourceIds as string[],
    method: exchange.head.method,
    status: end.status,
    faultCode: exchange.fault?.code ?? egress?.faultCode ?? '',
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
    stages: {
      authenticateUs: toUs(exchange.authenticateMs),
      limitUs: toUs(exchange.limitMs),
      egressHeadUs: toUs(exchange.egressHeadMs),
      upstreamHeadUs: toUs(egress?.headMs ?? 0),
    },
    requestBytes: exchange.requestBytes,
    responseBytes: exchange.response.bodyBytes,
    completion: toCompletion(exchange),
    cacheState: '',
    breakerState: egress?.breaker ?? '',
    upstream: egress?.upstream ?? '',
    attempts: egress?.attempts ?? 0,
    replayLine: exchange.peer.listener === 'replay' ? replayLineOf(exchange.requestId) : 0,
  };
}

function toCompletion(exchange: IngressExchange): BodyCompletion {
  if (exchange.cancellation.reason !== undefined || exchange.isAnswerCut) return BodyCompletion.ABORTED;
  return exchange.isEndUncertain ? BodyCompletion.UNKNOWN : BodyCompletion.COMPLETE;
}

/** `replay-<run>-<line>`: the place of the request in the log it was recorded in. */
function replayLineOf(requestId: string): number {
  return requestId.startsWith('replay-') ? Number(requestId.slice(requestId.lastIndexOf('-') + 1)) || 0 : 0;
}

import { BodyCompletion, type Event, type EventBatch, type RequestEvent } from '@tidegate/grpc';

/** A request event; parts not named are those of an answered anonymous GET. */
export function sampleRequestEvent(id: string, atMs: number, parts: Partial<RequestEvent> = {}): Event {
  const value: RequestEvent = {
    requestId: id,
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    route: 'product',
    service: 'products',
    pathTemplate: '/api/products/{id}',
    resourceIds: ['42'],
    method: 'GET',
    status: 200,
    faultCode: '',
    principal: 'address:192.0.2.7',
    principalKind: 'anonymous',
    consumer: '',
    plan: '',
    authenticationClass: 'anonymous',
    clientAddress: '192.0.2.7',
    clientPrefix: '192.0.2.0/24',
    headerFingerprint: '9f1c22ab',
    policy: 'anonymous',
    boundLimit: 'burst',
    decisionId: '',
    decisionReason: 1,
    degraded: false,
    adjustmentPercent: 100,
    durationUs: 1_500,
    stages: { authenticateUs: 20, limitUs: 150, egressHeadUs: 900, upstreamHeadUs: 700 },
    requestBytes: 120,
    responseBytes: 900,
    completion: BodyCompletion.COMPLETE,
    cacheState: '',
    breakerState: 'closed',
    upstream: '127.0.0.1:7002',
    attempts: 1,
    replayLine: 0,
    ...parts,
  };
  return { id, atUs: atMs * 1_000, app: 'ingress-gateway', instance: 'ingress-1', configVersion: 'c0ffee000001', kind: { $case: 'request', value } };
}

/** The next batches of one producer, numbered without gaps. */
export function createSampleProducer(producerId: string): { batch(events: Event[]): EventBatch } {
  let sequence = 0;
  return {
    batch: (events) => {
      sequence += 1;
      return { producerId, sequence, events };
    },
  };
}

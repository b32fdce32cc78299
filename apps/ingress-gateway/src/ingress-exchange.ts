import { anonymousPrincipal, type Principal } from '@tidegate/auth';
import type { Decision } from '@tidegate/grpc';
import type { Fields } from '@tidegate/pipeline';
import { HttpExchange, type ExchangeParts } from '@tidegate/proxy';
import type { Route } from '@tidegate/routing';
import type { Clock } from '@tidegate/units';
import { ClientAnswer } from './client-answer.js';
import type { EgressReport } from './egress-report.js';
import { HeldAnswer } from './held-answer.js';
import type { Snapshot } from './snapshot.js';

const none: readonly string[] = Object.freeze([]);

export interface IngressExchangeOptions {
  readonly clock: Clock;
  /** Answers end only when their event is on disk (`events.durability: disk`). */
  readonly isDurable: boolean;
}

/** One request and its answer inside the ingress. Each field is written by the one stage or class its comment names. */
export class IngressExchange extends HttpExchange {
  /** The config version this request sees from start to end; matchRoute, or recordRequest for heads refused before. */
  snapshot: Snapshot | undefined = undefined;
  /** resolveClient. */
  clientAddress: string;
  headerFingerprint = '';
  /** matchRoute. */
  route: Route | undefined = undefined;
  /** Ids in the path: what the template's parameters took, else what looks like one; matchRoute. */
  resourceIds: readonly string[] = none;
  /** authenticate. */
  principal: Principal = anonymousPrincipal;
  /** `jwt:alice`, `key:k_01`, `address:192.0.2.7`: resolveClient, then authenticate. */
  principalKey = '';
  authenticateMs = 0;
  /** limitRate. */
  decision: Decision | undefined = undefined;
  rateLimitFields: Fields | undefined = undefined;
  limitMs = 0;
  /** forwardToEgress. */
  forwardedAtMonotonicMs = 0;
  /** ClientAnswer, from what egress answered. */
  egress: EgressReport | undefined = undefined;
  egressHeadMs = 0;
  isEndUncertain = false;
  isAnswerCut = false;

  /** What is kept back until the event is on disk; undefined with `durability: memory`. */
  readonly held: HeldAnswer | undefined;

  constructor(parts: ExchangeParts, { clock, isDurable }: IngressExchangeOptions) {
    super(parts);
    this.clientAddress = parts.peer.address;
    this.held = isDurable ? new HeldAnswer(parts.response, parts.head.method === 'HEAD') : undefined;
    this.response = new ClientAnswer(this, this.held ?? parts.response, clock);
  }
}

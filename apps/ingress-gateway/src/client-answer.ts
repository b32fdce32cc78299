import type { Fault } from '@tidegate/fault';
import type { Fields, ResponseHead, ResponseSink } from '@tidegate/pipeline';
import { appendVia, isReservedField, reservedFields } from '@tidegate/proxy';
import type { Clock } from '@tidegate/units';
import { parseEgressReport } from './egress-report.js';
import type { IngressExchange } from './ingress-exchange.js';
import { pseudonym } from './pseudonym.js';

/**
 * The sink every answer of the ingress goes through, its own problems and what egress sends alike: reads what egress
 * says to ingress alone, takes out what no client may see (gateway/H5, limiter/H5), and adds what every answer carries.
 */
export class ClientAnswer implements ResponseSink {
  readonly #exchange: IngressExchange;
  readonly #client: ResponseSink;
  readonly #clock: Clock;

  constructor(exchange: IngressExchange, client: ResponseSink, clock: Clock) {
    this.#exchange = exchange;
    this.#client = client;
    this.#clock = clock;
  }

  get isStarted(): boolean {
    return this.#client.isStarted;
  }

  get isFinished(): boolean {
    return this.#client.isFinished;
  }

  get status(): number {
    return this.#client.status;
  }

  get bodyBytes(): number {
    return this.#client.bodyBytes;
  }

  get abortReason(): Fault | undefined {
    return this.#client.abortReason;
  }

  informational(status: number, fields: Fields): void {
    this.#client.informational(status, fields);
  }

  start(head: ResponseHead): void {
    const exchange = this.#exchange;
    if (exchange.forwardedAtMonotonicMs > 0) exchange.egressHeadMs = this.#clock.monotonicMs() - exchange.forwardedAtMonotonicMs;
    exchange.isEndUncertain = head.isCloseDelimited === true;
    const fields = takeOwnFields(exchange, head.fields);
    addCommonFields(exchange, fields, head.status);
    this.#client.start({ status: head.status, fields, isCloseDelimited: exchange.isEndUncertain });
  }

  write(chunk: Uint8Array): boolean {
    return this.#client.write(chunk);
  }

  onDrain(listener: () => void): void {
    this.#client.onDrain(listener);
  }

  end(trailers?: Fields): void {
    this.#client.end(trailers);
  }

  abort(reason: Fault): void {
    this.#exchange.isAnswerCut = true;
    this.#client.abort(reason);
  }
}

/** A copy without the reserved names, an upstream's RateLimit fields, and its request id: ours is the one that counts. */
function takeOwnFields(exchange: IngressExchange, fields: Fields): Fields {
  const kept: Fields = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    if (name === reservedFields.egress) exchange.egress = parseEgressReport(value);
    else if (!isReservedField(name) && !name.startsWith('ratelimit') && name !== 'x-request-id') kept.push(name, value);
  }
  return kept;
}

function addCommonFields(exchange: IngressExchange, fields: Fields, status: number): void {
  if (exchange.forwardedAtMonotonicMs > 0) appendVia(fields, '1.1', pseudonym);
  fields.push('x-request-id', exchange.requestId);
  const { snapshot, rateLimitFields } = exchange;
  if (snapshot !== undefined) fields.push(reservedFields.config, snapshot.configVersion);
  // A redirect carries them only while something is left (limiter/H5).
  const isLeft = (exchange.decision?.remaining ?? 0) > 0;
  if (rateLimitFields !== undefined && (status < 300 || status >= 400 || isLeft)) fields.push(...rateLimitFields);
}

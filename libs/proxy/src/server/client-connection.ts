import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Fault } from '@tidegate/fault';
import { Cancellation, type Peer } from '@tidegate/pipeline';
import { newRequestId } from '../identify-request.js';
import { answerFault, sendProblem } from '../send-problem.js';
import { ConnectionWatch } from './connection-watch.js';
import type { GatewayRequest } from './gateway-request.js';
import type { SocketOwner } from './gateway-socket.js';
import type { HttpExchange } from './http-exchange.js';
import { neverAllowed, parseRequestHead } from './parse-request-head.js';
import { buildRawAnswer, readRequestLine, toParserFault, unreadLine, type ParserError, type ReadLine } from './refusal.js';
import { HttpRequestBody } from './request-body.js';
import type { FieldRules } from './request-fields.js';
import { HttpResponseSink, type SinkConnection } from './response-sink.js';
import type { ServerContext } from './server-context.js';

/** A request that waits for its turn (gateway/H14), or only the answer that is due in its place. */
interface Waiting {
  readonly request: GatewayRequest | undefined;
  readonly response: ServerResponse | undefined;
  fault: Fault | undefined;
  readonly line: ReadLine;
}

const nothing = (): void => undefined;

/** One client's connection: runs its requests one after another, and ends so that no answer is lost (gateway/H14). */
export class ClientConnection<E extends HttpExchange> implements SocketOwner, SinkConnection {
  readonly peer: Peer;
  readonly fieldRules: FieldRules;
  readonly #context: ServerContext<E>;
  readonly #socket: Socket;
  readonly #watch: ConnectionWatch;
  readonly #waiting: Waiting[] = [];
  #exchange: E | undefined;
  #body: HttpRequestBody | undefined;
  #sink: HttpResponseSink | undefined;
  /** What comes behind the bytes read so far is no request. */
  #isReadToEnd = false;
  /** The client said that it sends nothing more. */
  #isClientDone = false;
  /** The last answer was given; only its arrival is waited for. */
  #isClosing = false;
  /** Nothing more is read until the requests that wait were answered. */
  #isHeld = false;

  constructor(socket: Socket, peer: Peer, context: ServerContext<E>) {
    this.#socket = socket;
    this.#context = context;
    this.#watch = new ConnectionWatch(socket, context.limits);
    this.fieldRules = context.rules;
    this.peer = peer;
    socket.on('resume', () => {
      if (this.#isHeld) socket.pause();
    });
    // Node stops listening when it lets go of the socket behind a CONNECT; 'close' follows and says all there is to know.
    socket.on('error', nothing);
    socket.on('end', () => this.#clientEnded());
    socket.on('close', () => this.#closed());
    socket.destroySoon = () => this.#close();
  }

  /** Nothing is in flight here. */
  get isIdle(): boolean {
    return this.#exchange === undefined && this.#waiting.length === 0;
  }

  /** A head was read. It runs now, or after those before it. */
  accept(request: GatewayRequest, response: ServerResponse): void {
    if (this.#isReadToEnd) {
      // Not a request, and no more of its kind is to pile up.
      this.#hold();
      return;
    }
    this.#isClientDone = !response.shouldKeepAlive;
    // The parser stops behind an upgrade and forgets the rest of the packet: what follows cannot be told from a request.
    this.#isReadToEnd = this.#isClientDone || request.headFields.isUpgrade;
    if (this.isIdle) this.#begin(request, response);
    else {
      this.#waiting.push({ request, response, fault: undefined, line: unreadLine });
      this.#hold();
    }
  }

  /** CONNECT: the parser has let go of the socket. */
  refuseConnect(target: string): void {
    if (this.#isReadToEnd) return;
    if (this.#sink !== undefined) this.#socket.on('drain', () => this.#sink?.drained());
    this.#refuse({ fault: neverAllowed('CONNECT'), line: { method: 'CONNECT', target, bytes: target.length, isLineRead: true } });
  }

  /** The parser gave up, a head took too long, or the socket broke. */
  parserFailed(error: ParserError): void {
    if (this.#socket.destroyed || this.#isClosing) return;
    const { code = '' } = error;
    if (!code.startsWith('HPE_') && code !== 'ERR_HTTP_REQUEST_TIMEOUT') return void this.#socket.destroy();
    const last = this.#waiting.at(-1);
    if (last === undefined && this.#body?.isComplete === false) this.#bodyBroke(code);
    else if (last?.request?.isBodyMissing === true) {
      this.#isReadToEnd = true;
      last.fault ??= toParserFault(error);
    } else if (!this.#isReadToEnd) this.#refuseHead(error);
  }

  /** The request was counted when its head was read: no second answer, only what is left of the first. */
  #bodyBroke(code: string): void {
    this.#isReadToEnd = true;
    const isCut = code === 'HPE_INVALID_EOF_STATE';
    if (this.#exchange === undefined) this.#close();
    else this.#exchange.cancellation.cancel(new Fault(isCut ? 'client-closed' : 'bad-request', `body framing: ${code}`));
  }

  mayPersist(): boolean {
    if ((this.#isReadToEnd || this.#context.isDraining) && this.#waiting.length === 0) return false;
    const body = this.#body;
    if (body === undefined || body.isComplete) return true;
    return !body.isHeldByClient && (body.bytesLeft ?? 0) <= this.#context.limits.leftoverBytesMax;
  }

  flushSoon(sink: HttpResponseSink): void {
    this.#context.flushSoon(sink);
  }

  breakOff(withReset: boolean): void {
    if (withReset) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  /** A look from the server's coarse timer (gateway/H7). */
  sweep(elapsedMs: number): void {
    const verdict = this.#isClosing ? this.#watch.lookAtClosing(elapsedMs) : this.#look(elapsedMs);
    if (verdict === 'over') this.#socket.destroy();
    else if (verdict === 'idle') this.#close();
    else if (verdict === 'body') this.#exchange?.cancellation.cancel(new Fault('request-timeout', 'the body came too slowly'));
    else if (verdict === 'answer') {
      this.#exchange?.cancellation.cancel(new Fault('client-closed', 'the client takes no more of the answer'));
      this.#socket.destroy();
    }
  }

  /** The server has no more time: what is in flight is told why, everything else ends. */
  terminate(reason: Fault): void {
    this.#isReadToEnd = true;
    this.#waiting.length = 0;
    if (this.#exchange === undefined) this.#socket.destroy();
    else this.#exchange.cancellation.cancel(reason);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #look(elapsedMs: number): ReturnType<ConnectionWatch['lookAtIdle']> {
    if (this.#exchange === undefined) return this.isIdle ? this.#watch.lookAtIdle(elapsedMs) : 'fine';
    return this.#watch.lookAtBodies({ body: this.#body, sink: this.#sink, isStreaming: this.#exchange.isStreaming }, elapsedMs);
  }

  #begin(request: GatewayRequest, response: ServerResponse): void {
    const context = this.#context;
    const read = request.headFields;
    const line = { method: request.method ?? '', target: request.url ?? '', major: request.httpVersionMajor, minor: request.httpVersionMinor };
    const isOld = line.major !== 1 || line.minor !== 1;
    const head = parseRequestHead(line, read, context.rules);
    const body = new HttpRequestBody(request, response, read.expect !== undefined && !isOld);
    const sink = new HttpResponseSink({ response, connection: this, isHead: line.method === 'HEAD', isOld, fields: read.fields });
    this.#body = body;
    this.#sink = sink;
    if (head instanceof Fault) {
      this.#refuseRequest(request, sink, head);
      return;
    }
    const exchange = context.createExchange({
      head,
      body,
      response: sink,
      cancellation: new Cancellation(),
      peer: this.peer,
      arrivedAtMs: context.clock.nowMs(),
      arrivedAtMonotonicMs: context.clock.monotonicMs(),
    });
    this.#exchange = exchange;
    context.inFlight += 1;
    context.onExchange(exchange).then(this.#settled, this.#failed);
  }

  readonly #failed = (error: unknown): void => {
    this.#context.logger.error({ err: error }, 'the request path failed outside its stages');
    this.#settled();
  };

  /** The stages are done with the exchange. */
  readonly #settled = (): void => {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    this.#exchange = undefined;
    this.#context.inFlight -= 1;
    if (!exchange.response.isFinished) finishByForce(exchange);
    if (this.#body?.isComplete === false) this.#takeLeftover(this.#body);
    this.#watch.reset();
    this.#next();
  };

  /** Begins what waits, when the answer before it has left its place on the socket. */
  readonly #next = (): void => {
    if (this.#isClosing || this.#socket.destroyed || this.#exchange !== undefined) return;
    const [waiting] = this.#waiting;
    if (waiting === undefined) return;
    const { request, response, fault } = waiting;
    if (response !== undefined && response.socket === null) {
      response.once('socket', this.#next);
      return;
    }
    this.#waiting.shift();
    if (this.#waiting.length === 0) this.#release();
    if (request === undefined || response === undefined) this.#answerRaw(waiting);
    else if (fault === undefined) this.#begin(request, response);
    else {
      this.#body = new HttpRequestBody(request, response, false);
      this.#refuseRequest(request, new HttpResponseSink({ response, connection: this, isHead: request.method === 'HEAD', isOld: false, fields: [] }), fault);
    }
  };

  /** A body goes on behind its answer: a short rest is read so that the connection can be used again. */
  #takeLeftover(body: HttpRequestBody): void {
    body.discard();
    if (this.#isClosing || this.#socket.destroyed) return;
    const giveUp = () => {
      if (!body.isComplete) this.#close();
    };
    setTimeout(giveUp, this.#context.limits.leftoverMs).unref();
  }

  #hold(): void {
    this.#isHeld = true;
    this.#socket.pause();
  }

  #release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#socket.resume();
  }

  #refuseHead(error: ParserError): void {
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
      // Nothing was ever sent: nobody waits for an answer.
      if (this.#socket.bytesRead === 0) return void this.#socket.destroy();
      if (this.#isHeld) return;
    }
    this.#refuse({ fault: toParserFault(error), line: readRequestLine(error) });
  }

  /** A refusal that has no response object, in its turn. */
  #refuse({ fault, line }: { fault: Fault; line: ReadLine }): void {
    this.#isReadToEnd = true;
    const refused: Waiting = { request: undefined, response: undefined, fault, line };
    if (this.isIdle) this.#answerRaw(refused);
    else {
      this.#waiting.push(refused);
      this.#hold();
    }
  }

  #answerRaw({ fault, line }: Waiting): void {
    if (fault === undefined) return;
    const requestId = newRequestId();
    this.#socket.write(buildRawAnswer(fault, requestId, { isHead: line.method === 'HEAD', fields: this.#context.refusalFields() }));
    this.#report(fault, requestId, line);
    this.#close();
  }

  /** Answers a request that must not reach a stage; what follows it on the connection is no request. */
  #refuseRequest(request: GatewayRequest, sink: HttpResponseSink, fault: Fault): void {
    const requestId = newRequestId();
    const { method, url, headFields: read } = request;
    this.#isReadToEnd = true;
    this.#waiting.length = 0;
    answerFault({ response: sink, requestId, isGrpc: false }, fault, this.#context.refusalFields());
    if (this.#body?.isComplete === false) this.#body.discard();
    this.#report(fault, requestId, { method: method ?? '', target: url ?? '', bytes: read.bytes, isLineRead: true });
  }

  #report(fault: Fault, requestId: string, line: ReadLine): void {
    this.#context.onRefused?.({
      fault,
      requestId,
      method: line.method,
      target: line.target,
      peer: this.peer,
      bytes: line.bytes,
      startedAtMs: this.#context.clock.nowMs(),
      hadRequestLine: line.isLineRead,
    });
  }

  /** Half-closes behind the last answer and waits a little for the client to do the same, so that no reset eats the answer. */
  #close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#isReadToEnd = true;
    this.#watch.reset();
    if (this.#isClientDone && this.#body?.isComplete !== false) {
      Socket.prototype.destroySoon.call(this.#socket);
      return;
    }
    this.#socket.end();
    if (this.#body?.isComplete === false) this.#body.discard();
    this.#release();
    this.#socket.resume();
  }

  /** The client's half of the connection ended: it has left, or closes after our last answer. */
  #clientEnded(): void {
    if (this.#isClosing || this.isIdle) {
      this.#isClosing = true;
      Socket.prototype.destroySoon.call(this.#socket);
      return;
    }
    this.#socket.destroy();
  }

  #closed(): void {
    this.#waiting.length = 0;
    if (this.#sink?.isFinished === false) {
      this.#exchange?.cancellation.cancel(new Fault('client-closed', 'the client left'));
      this.#sink.connectionClosed();
    }
  }
}

/** Stages that end without an answer are a mistake of ours; the client still gets one. */
function finishByForce(exchange: HttpExchange): void {
  const fault = new Fault('internal', 'the stages ended without an answer');
  if (exchange.response.isStarted) exchange.response.abort(fault);
  else sendProblem(exchange, fault);
}

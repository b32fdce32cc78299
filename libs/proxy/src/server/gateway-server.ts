import cluster from 'node:cluster';
import { createServer, ServerResponse, type Server } from 'node:http';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Fault } from '@tidegate/fault';
import { strictTargetRules, type TargetRules } from '@tidegate/routing';
import type { Clock, ListenAddress } from '@tidegate/units';
import { plainAddress, type IsTrusted } from '../trusted-proxies.js';
import { ClientConnection } from './client-connection.js';
import { FlushQueue } from './flush-queue.js';
import { GatewayRequest } from './gateway-request.js';
import { ownerOf, ownSocket } from './gateway-socket.js';
import type { ExchangeParts, HttpExchange } from './http-exchange.js';
import type { DrainConfig } from './listeners-schema.js';
import { readProxyHeader } from './read-proxy-header.js';
import type { ProxiedPeer } from './proxy-header.js';
import type { ParserError, Refusal } from './refusal.js';
import type { ServerContext, ServerLogger } from './server-context.js';
import { publicLimits, type ServerLimits } from './server-limits.js';

export interface GatewayServerOptions<E extends HttpExchange> {
  /** The listener's name, as exchanges' peers carry it. */
  readonly name: string;
  readonly address: ListenAddress;
  /** Default: those of a client-facing listener. */
  readonly limits?: ServerLimits;
  /** Default: the strict ones (gateway/R3). */
  readonly target?: TargetRules;
  readonly allowUnderscoreFields?: boolean;
  /** True on the egress listener only: whoever can reach it may send reserved fields, and verifyCaller checks them. */
  readonly keepReservedFields?: boolean;
  /** Peers that must begin their connections with the PROXY protocol's header; absent: nobody may (gateway/H4). */
  readonly proxyHeaderFrom?: IsTrusted;
  /** Makes the tier's own exchange, of one class. */
  readonly createExchange: (parts: ExchangeParts) => E;
  /** The pipeline. Resolves when the answer ended or was aborted. */
  readonly onExchange: (exchange: E) => Promise<void>;
  /** Told of every request that was answered before a stage could see it. */
  readonly onRefused?: (refusal: Refusal) => void;
  /** Fields of those answers, as every other answer of the tier has them (gateway/K2). */
  readonly refusalFields?: () => readonly string[];
  readonly logger: ServerLogger;
  readonly clock: Clock;
}

const sweepEveryMs = 500;
/** Turns of the event loop that drain gives connections the system has taken and we have not. */
const backlogTurnsMax = 1_000;
const quietLookMs = 1;
/**
 * Workers (node:cluster) each bind a socket of their own where the system spreads connections over them. Then none goes
 * through another process: one that is killed takes only what it had accepted along, and one that drains empties its own
 * backlog before it closes. Elsewhere node:cluster hands connections out.
 */
const bindsForItself = cluster.isWorker && (process.platform === 'linux' || process.platform === 'freebsd');
const noFields = (): readonly string[] => [];
/** For the answers to what drain had to cancel. */
const lastAnswersMs = 500;

/**
 * A listener: HTTP/1.1 by node:http, with nothing in front of the pipeline that answers by itself but our own refusals
 * (gateway/H1).
 */
export class GatewayServer<E extends HttpExchange> {
  readonly #http: Server;
  readonly #address: ListenAddress;
  readonly #context: ServerContext<E>;
  readonly #connections = new Set<ClientConnection<E>>();
  /** Connections whose PROXY protocol header is not read yet. */
  readonly #unread = new Set<Socket>();
  readonly #proxied = new WeakMap<Socket, ProxiedPeer>();
  #sweeper: NodeJS.Timeout | undefined;
  #sweptAtMs = 0;
  #accepted = 0;
  #onEmpty: (() => void) | undefined;

  constructor(options: GatewayServerOptions<E>) {
    const { limits = publicLimits, target = strictTargetRules } = options;
    const flushes = new FlushQueue();
    this.#address = options.address;
    this.#context = {
      name: options.name,
      rules: {
        ...limits,
        target,
        allowUnderscoreFields: options.allowUnderscoreFields ?? false,
        keepReservedFields: options.keepReservedFields ?? false,
      },
      limits,
      clock: options.clock,
      logger: options.logger,
      createExchange: options.createExchange,
      onExchange: options.onExchange,
      onRefused: options.onRefused,
      refusalFields: options.refusalFields ?? noFields,
      isDraining: false,
      inFlight: 0,
      flushSoon: (sink) => flushes.add(sink),
    };
    this.#http = this.#createHttpServer(limits);
    if (options.proxyHeaderFrom !== undefined) this.#expectProxyHeaders(options.proxyHeaderFrom);
  }

  /** Exchanges whose stages run. */
  get inFlight(): number {
    return this.#context.inFlight;
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Resolves with the address that was bound (port 0: one the system chose); rejects when it cannot be. */
  async listen(): Promise<ListenAddress> {
    const { host, port } = this.#address;
    await new Promise<void>((resolve, reject) => {
      this.#http.once('error', reject);
      this.#http.listen({ host, port, backlog: 4096, reusePort: bindsForItself && port !== 0 }, () => {
        this.#http.off('error', reject);
        resolve();
      });
    });
    this.#http.on('error', (err) => this.#context.logger.error({ err }, 'the listener failed'));
    this.#sweptAtMs = this.#context.clock.monotonicMs();
    this.#sweeper = setInterval(() => this.sweep(), sweepEveryMs).unref();
    return { host, port: (this.#http.address() as AddressInfo).port };
  }

  /**
   * Stops without failing a request (gateway/H12): accepts for `delayMs` more while every answer closes its connection,
   * then stops listening and waits for what is in flight and for connections that were not answered yet. What is left
   * `timeoutMs` after the call is ended.
   */
  async drain({ delayMs, timeoutMs }: DrainConfig): Promise<void> {
    this.#context.isDraining = true;
    await sleep(Math.min(delayMs, timeoutMs));
    await this.#takeBacklog();
    // Not http's own close: that would cut the idle connections.
    NetServer.prototype.close.call(this.#http);
    if (this.#connections.size > 0) await Promise.race([this.#emptied(), sleep(Math.max(0, timeoutMs - delayMs))]);
    for (const connection of this.#connections) connection.terminate(new Fault('draining', 'the gateway has no more time'));
    // Whoever was cancelled still gets its answer.
    const lastLookMs = performance.now() + lastAnswersMs;
    while (this.inFlight > 0 && performance.now() < lastLookMs) await sleep(5);
    await this.close();
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    const isListening = this.#http.listening;
    await new Promise<void>((resolve) => {
      if (isListening) this.#http.close(() => resolve());
      for (const connection of this.#connections) connection.destroy();
      for (const socket of this.#unread) socket.destroy();
      if (!isListening) resolve();
    });
    this.#http.closeAllConnections();
  }

  /** Looks at every connection's times; called by a timer of the server's own. */
  sweep(): void {
    const nowMs = this.#context.clock.monotonicMs();
    const elapsedMs = nowMs - this.#sweptAtMs;
    this.#sweptAtMs = nowMs;
    for (const connection of this.#connections) connection.sweep(elapsedMs);
  }

  /** Resolves when the last connection closes; asked when no new one can come, or it would tell of a lull only. */
  #emptied(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** Closing a listener resets whoever waits in its backlog: it is closed right after a look that found nobody. */
  async #takeBacklog(): Promise<void> {
    for (let turn = 0; turn < backlogTurnsMax; turn += 1) {
      const before = this.#accepted;
      const lookedAtMs = performance.now();
      await new Promise<void>((resolve) => void setImmediate(resolve));
      // Somebody may have come during a long turn, after its look.
      if (this.#accepted === before && performance.now() - lookedAtMs < quietLookMs) return;
    }
  }

  #createHttpServer(limits: ServerLimits): Server {
    const options = {
      IncomingMessage: GatewayRequest,
      ServerResponse,
      requireHostHeader: false,
      insecureHTTPParser: false,
      // Empty requests are most: they skip the life cycle of a stream that nobody reads.
      optimizeEmptyRequests: true,
      // Every request is HTTP to its end; routes that upgrade come with the stage that tunnels them.
      shouldUpgradeCallback: () => false,
      maxHeaderSize: limits.requestLineBytesMax + limits.fieldBytesMax,
      headersTimeout: limits.headerTimeoutMs,
      requestTimeout: 0,
      keepAliveTimeout: 0,
      connectionsCheckingInterval: 1_000,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
    };
    const http: Server = createServer(options as never);
    // Every field is counted by us; Node would drop those above its bound without a word.
    http.maxHeadersCount = 0;
    const connectionOf = (socket: Duplex) => ownerOf(socket as Socket) as ClientConnection<E>;
    const take = (request: GatewayRequest, response: ServerResponse) => connectionOf(request.socket).accept(request, response);
    http.on('connection', (socket: Socket) => this.#connected(socket));
    http.on('request', take as never);
    http.on('checkContinue', take as never);
    http.on('checkExpectation', take as never);
    http.on('connect', (request, socket: Duplex) => connectionOf(socket).refuseConnect(request.url ?? ''));
    http.on('clientError', (error: ParserError, socket: Duplex) => connectionOf(socket).parserFailed(error));
    return http;
  }

  /** Puts the reading of the PROXY protocol's header before everything HTTP does with a connection. */
  #expectProxyHeaders(isTrusted: IsTrusted): void {
    const http = this.#http;
    const serve = http.listeners('connection') as ((socket: Socket) => void)[];
    const begin = (socket: Socket): void => {
      for (const listener of serve) listener.call(http, socket);
    };
    http.removeAllListeners('connection');
    http.on('connection', (socket: Socket) => {
      const { remoteAddress = '' } = socket;
      if (isTrusted(plainAddress(remoteAddress))) this.#readProxyHeader(socket, begin);
      else begin(socket);
    });
  }

  #readProxyHeader(socket: Socket, begin: (socket: Socket) => void): void {
    this.#unread.add(socket);
    socket.on('close', () => this.#unread.delete(socket));
    readProxyHeader(socket, {
      timeoutMs: this.#context.limits.headerTimeoutMs,
      onRead: (peer) => {
        this.#unread.delete(socket);
        if (peer !== undefined) this.#proxied.set(socket, peer);
        begin(socket);
      },
      onInvalid: () => this.#context.logger.warn({ peer: socket.remoteAddress }, 'a trusted proxy sent no PROXY protocol header'),
    });
  }

  #connected(socket: Socket): void {
    this.#accepted += 1;
    const { remoteAddress = '', remotePort = 0 } = socket;
    const { address, port } = this.#proxied.get(socket) ?? { address: remoteAddress, port: remotePort };
    const connection = new ClientConnection(socket, { address: plainAddress(address), port, listener: this.#context.name }, this.#context);
    ownSocket(socket, connection);
    this.#connections.add(connection);
    socket.on('close', () => {
      this.#connections.delete(connection);
      if (this.#connections.size === 0) this.#onEmpty?.();
    });
  }
}

/** Makes a listener; `listen` binds it. */
export function createGatewayServer<E extends HttpExchange>(options: GatewayServerOptions<E>): GatewayServer<E> {
  return new GatewayServer(options);
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

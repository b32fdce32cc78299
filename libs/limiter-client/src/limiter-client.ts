import { Metadata, type ServiceError } from '@grpc/grpc-js';
import type { Check, CheckLimitResponse, Decision } from '@tidegate/grpc';
import type { PolicySet } from '@tidegate/rate-limit';
import { systemClock, type Clock } from '@tidegate/units';
import { DeadlineWheel } from './deadline-wheel.js';
import { DenyCache } from './deny-cache.js';
import { toLimiterDownDecision } from './failure-decision.js';
import { effectiveTimeoutMs, type CheckOptions, type LimiterLink, type OnLimiterFailure } from './limiter-link.js';
import { errorTrailer, toLimiterError, type LimiterError } from './limiter-error.js';
import { LocalLimits } from './local-limits.js';
import { PendingCheck, type PendingCheckOwner } from './pending-check.js';
import { Channels, ReplicaLane, type ClientTlsFiles } from './replica-lane.js';
import { StreamCall, type StreamCallOwner } from './stream-call.js';

const wheelTickMs = 5;
const graceMs = 10;
const waitingMax = 8_192;
const maintainEveryMs = 250;

/** Without any stream for this long, checks no longer wait for one. */
const awayAfterMs = 250;

/** What the client did, counted since its start. */
export interface LimiterClientStats {
  sent: number;
  messages: number;
  decided: number;
  denyCached: number;
  /** Decided by the failure mode, for whatever reason. */
  limiterDown: number;
  timedOut: number;
  lost: number;
  reconnects: number;
  openStreams: number;
  groupSize: number;
}

/** The few log calls the client makes; a pino logger fits. */
export interface LimiterClientLogger {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}

export interface LimiterClientOptions {
  /** `host:port` of limiter replicas, or names that resolve to several (`dns:///limiter:50051`). */
  readonly targets: readonly string[];
  /** Callers that share the local fallback, e.g. `ingress`. */
  readonly clientGroup: string;
  readonly instance: string;
  readonly onLimiterFailure?: OnLimiterFailure;
  /** Streams to keep open, spread over the targets; default 2. */
  readonly streams?: number;
  /** TLS to the limiters, mTLS with a certificate of one's own; plain text without. PEM files, read once. */
  readonly tls?: ClientTlsFiles | undefined;
  /** The policies, where the caller has the limiter's configuration: `local` then keeps every limit by its own key, also before the first decision. */
  readonly policies?: () => PolicySet;
  readonly clock?: Clock;
  readonly logger?: LimiterClientLogger;
}

/** A link to limiter replicas over StreamChecks (limiter/C1). */
export interface LimiterClient extends LimiterLink {
  /** Several checks at once, answered in their order. */
  checkMany(checks: readonly Check[], options?: CheckOptions): Promise<Decision[]>;
  /** One check over the unary rpc: no deny cache, no failure mode; rejects with a LimiterError or the channel's ServiceError. */
  checkUnary(check: Check): Promise<Decision>;
  /** Resolves when a stream is open; for start-up and specs. */
  ready(timeoutMs: number): Promise<boolean>;
  stats(): Readonly<LimiterClientStats>;
}

/** Opens the streams and returns the link; nothing is thrown when no limiter is there. */
export function createLimiterClient(options: LimiterClientOptions): LimiterClient {
  return new StreamingClient(options);
}

/** All checks wait in one queue; each message takes what waits and goes to the stream with the least in flight. */
class StreamingClient implements LimiterClient, PendingCheckOwner, StreamCallOwner {
  readonly #options: LimiterClientOptions;
  readonly #clock: Clock;
  readonly #channels: Channels;
  readonly #lanes: ReplicaLane[];
  readonly #wheel: DeadlineWheel<PendingCheck>;
  readonly #denials = new DenyCache();
  readonly #local: LocalLimits;
  readonly #stats: LimiterClientStats;
  readonly #flush = (): void => this.#sendWaiting();
  readonly #maintainTimer: NodeJS.Timeout;
  #waiting: PendingCheck[] = [];
  #isFlushScheduled = false;
  #awaySinceMs: number | undefined;
  #isAwayTold = false;
  #isClosed = false;

  constructor(options: LimiterClientOptions) {
    if (options.targets.length === 0) throw new Error('a limiter client needs at least one target');
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#local = new LocalLimits(this.#clock, options.policies);
    this.#channels = new Channels(options.targets, options.tls);
    this.#wheel = new DeadlineWheel(wheelTickMs, () => this.#clock.monotonicMs());
    this.#stats = { sent: 0, messages: 0, decided: 0, denyCached: 0, limiterDown: 0, timedOut: 0, lost: 0, reconnects: 0, openStreams: 0, groupSize: 1 };
    this.#awaySinceMs = this.#clock.monotonicMs();
    const first = Math.floor(Math.random() * options.targets.length);
    this.#lanes = Array.from({ length: options.streams ?? 2 }, (_, index) => new ReplicaLane((lane, n) => this.#openCall(lane, n), first + index));
    for (const lane of this.#lanes) lane.connect();
    this.#maintainTimer = setInterval(() => this.#maintain(), maintainEveryMs).unref();
  }

  check(check: Check, options?: CheckOptions): Decision | Promise<Decision> {
    const nowMs = this.#clock.monotonicMs();
    const cached = this.#denials.find(check, nowMs);
    if (cached !== undefined) {
      this.#stats.denyCached += 1;
      return cached;
    }
    const mode = options?.onLimiterFailure ?? this.#options.onLimiterFailure ?? 'local';
    if (this.#isClosed || this.#isAway(nowMs) || this.#waiting.length >= waitingMax) return this.#decideAlone(check, mode);
    const pending = new PendingCheck(check, { owner: this, onLimiterFailure: mode, nowMs });
    this.#waiting.push(pending);
    this.#wheel.add(pending, nowMs + effectiveTimeoutMs(check) + graceMs);
    this.#scheduleFlush();
    return new Promise((resolve, reject) => {
      pending.resolve = resolve;
      pending.reject = reject;
    });
  }

  async checkMany(checks: readonly Check[], options?: CheckOptions): Promise<Decision[]> {
    return Promise.all(checks.map(async (check) => this.check(check, options)));
  }

  checkUnary(check: Check): Promise<Decision> {
    const deadline = this.#clock.nowMs() + effectiveTimeoutMs(check) + graceMs;
    const call = this.#channels.take(this.#channels.pick(Math.floor(Math.random() * this.#options.targets.length), []));
    const { promise, resolve, reject } = Promise.withResolvers<CheckLimitResponse>();
    call.checkLimit({ check }, new Metadata(), { deadline }, (error, response) => {
      if (error === null) resolve(response);
      else reject(toUnaryError(error));
    });
    return promise.then(({ decision }) => decision ?? toLimiterDownDecision(check, false));
  }

  async ready(timeoutMs: number): Promise<boolean> {
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs;
    while (!this.#lanes.some((lane) => lane.call?.isOpen) && this.#clock.monotonicMs() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this.#lanes.some((lane) => lane.call?.isOpen);
  }

  stats(): Readonly<LimiterClientStats> {
    this.#stats.openStreams = this.#lanes.filter((lane) => lane.call?.isOpen).length;
    return this.#stats;
  }

  /** Answers what still waits by the failure mode and closes the streams. */
  close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#maintainTimer);
    for (const lane of this.#lanes) lane.close();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const pending of waiting) this.failed(pending, 'lost');
    this.#wheel.stop();
    this.#channels.close();
    return Promise.resolve();
  }

  failed(pending: PendingCheck, why: 'timeout' | 'lost' | 'refused'): void {
    if (pending.isSettled) return;
    if (why === 'timeout') this.#stats.timedOut += 1;
    if (why === 'lost') this.#stats.lost += 1;
    pending.settle(this.#decideAlone(pending.check, pending.onLimiterFailure));
  }

  opened(call: StreamCall): void {
    if (this.#isAwayTold) this.#options.logger?.info({}, 'a rate limiter answers again');
    this.#isAwayTold = false;
    this.#awaySinceMs = undefined;
    this.#laneOf(call)?.opened();
    this.#sendWaiting();
  }

  hasRoom(): void {
    if (this.#waiting.length > 0) this.#scheduleFlush();
  }

  sawGroupSize(groupSize: number): void {
    this.#stats.groupSize = groupSize;
  }

  decided(pending: PendingCheck, decision: Decision): void {
    this.#stats.decided += 1;
    this.#denials.learn(pending.check, decision, pending.sentAtMs);
    if (!decision.degraded) this.#local.learn(pending.check, decision);
    pending.settle(decision);
  }

  refused(pending: PendingCheck, error: LimiterError): void {
    if (error.isCallersFault) pending.raise(error);
    else if (error.code === 'DRAINING' && !pending.isSettled && !this.#isClosed) {
      this.#waiting.push(pending);
      this.#scheduleFlush();
    } else this.failed(pending, 'refused');
  }

  draining(call: StreamCall): void {
    this.#laneOf(call)?.reconnect();
  }

  ended(call: StreamCall, unanswered: PendingCheck[], reason: string): void {
    const lane = this.#laneOf(call);
    if (lane !== undefined) {
      this.#stats.reconnects += 1;
      lane.reconnect();
    }
    if (!this.#isClosed && !this.#lanes.some((other) => other.call?.isOpen)) this.#noteAway(reason);
    for (const pending of unanswered) this.failed(pending, 'lost');
  }

  /** Said once until a limiter answers again, however often a connection is tried. */
  #noteAway(reason: string): void {
    this.#awaySinceMs ??= this.#clock.monotonicMs();
    if (this.#isAwayTold) return;
    this.#isAwayTold = true;
    this.#options.logger?.warn({ reason }, 'no rate limiter answers: failure modes decide');
  }

  #openCall(lane: ReplicaLane, attempt: number): StreamCall {
    const { clientGroup, instance } = this.#options;
    lane.target = this.#channels.pick(attempt, this.#lanes.map(({ target }) => target));
    return new StreamCall({ client: this.#channels.take(lane.target), clientGroup, instance, owner: this, now: () => this.#clock.monotonicMs() });
  }

  #laneOf(call: StreamCall): ReplicaLane | undefined {
    return this.#lanes.find((lane) => lane.call === call);
  }

  /** Away: no stream for a while, or every open one is quiet. */
  #isAway(nowMs: number): boolean {
    if (this.#awaySinceMs !== undefined) return nowMs - this.#awaySinceMs > awayAfterMs;
    for (const { call } of this.#lanes) if (call !== undefined && call.isOpen && !call.isQuiet(nowMs)) return false;
    return true;
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    setImmediate(this.#flush);
  }

  #sendWaiting(): void {
    this.#isFlushScheduled = false;
    const nowMs = this.#clock.monotonicMs();
    while (this.#waiting.length > 0) {
      const call = this.#pickCall(nowMs);
      if (call === undefined) return;
      const before = call.inFlight;
      const taken = call.send(this.#waiting, nowMs);
      if (call.inFlight > before) this.#stats.messages += 1;
      this.#stats.sent += call.inFlight - before;
      if (taken === this.#waiting.length) this.#waiting = [];
      else this.#waiting.splice(0, taken);
    }
  }

  #pickCall(nowMs: number): StreamCall | undefined {
    let best: StreamCall | undefined;
    for (const { call } of this.#lanes) {
      if (call === undefined || call.room <= 0 || call.isQuiet(nowMs)) continue;
      if (best === undefined || call.inFlight < best.inFlight) best = call;
    }
    return best;
  }

  #maintain(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const lane of this.#lanes) lane.maintain(nowMs);
    if (this.#waiting.length > 0) this.#scheduleFlush();
  }

  #decideAlone(check: Check, mode: OnLimiterFailure): Decision {
    this.#stats.limiterDown += 1;
    if (mode !== 'local') return toLimiterDownDecision(check, mode === 'allow');
    return this.#local.decide(check, this.#stats.groupSize);
  }
}

function toUnaryError(error: ServiceError): LimiterError | ServiceError {
  const code = error.metadata.get(errorTrailer)[0];
  return typeof code === 'string' ? toLimiterError(code, error.details) : error;
}

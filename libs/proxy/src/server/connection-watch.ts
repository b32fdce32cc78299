import type { Socket } from 'node:net';
import { BodyWatch } from './body-watch.js';
import type { HttpRequestBody } from './request-body.js';
import type { HttpResponseSink } from './response-sink.js';
import type { ServerLimits } from './server-limits.js';

/** fine; or what took too long: an idle connection, a request's body, the client taking its answer, a connection's close. */
export type WatchVerdict = 'fine' | 'idle' | 'body' | 'answer' | 'over';

/** The messages of the exchange that runs. */
export interface WatchedBodies {
  readonly body: HttpRequestBody | undefined;
  readonly sink: HttpResponseSink | undefined;
  readonly isStreaming: boolean;
}

/** More than this is not read of a client that goes on sending behind its last answer. */
const closingBytesMax = 1024 * 1024;

/** What the server's coarse timer remembers of one connection (gateway/H7): no timer per request. */
export class ConnectionWatch {
  readonly #socket: Socket;
  readonly #limits: ServerLimits;
  readonly #request = new BodyWatch();
  readonly #answer = new BodyWatch();
  #quietMs = 0;
  #bytesRead = -1;

  constructor(socket: Socket, limits: ServerLimits) {
    this.#socket = socket;
    this.#limits = limits;
  }

  /** The connection turns to something else. */
  reset(): void {
    this.#quietMs = 0;
    this.#bytesRead = -1;
    this.#request.reset();
    this.#answer.reset();
  }

  /** Between two requests. */
  lookAtIdle(elapsedMs: number): WatchVerdict {
    const { bytesRead } = this.#socket;
    // A head is on its way, and under the header time limit.
    this.#quietMs = bytesRead === this.#bytesRead ? this.#quietMs + elapsedMs : 0;
    this.#bytesRead = bytesRead;
    return this.#quietMs >= this.#limits.keepAliveMs ? 'idle' : 'fine';
  }

  /** While stages run. */
  lookAtBodies({ body, sink, isStreaming }: WatchedBodies, elapsedMs: number): WatchVerdict {
    const { bodyIdleMs, streamIdleMs, bodyRateBytesPerSecondMin, bodyRateWindowMs: windowMs } = this.#limits;
    const idleMs = isStreaming ? streamIdleMs : bodyIdleMs;
    const rateMin = isStreaming ? 0 : bodyRateBytesPerSecondMin;
    if (body === undefined || body.isComplete || body.isHeldByClient || this.#socket.isPaused()) this.#request.pause();
    else if (this.#request.look(body.bytesReceived, elapsedMs, { idleMs, rateMin, windowMs }) !== 'going') return 'body';
    if (sink?.isBlocked !== true) this.#answer.pause();
    else {
      const taken = this.#socket.bytesWritten - this.#socket.writableLength;
      if (this.#answer.look(taken, elapsedMs, { idleMs, rateMin: 0, windowMs }) !== 'going') return 'answer';
    }
    return 'fine';
  }

  /** Behind the last answer. */
  lookAtClosing(elapsedMs: number): WatchVerdict {
    if (this.#bytesRead < 0) this.#bytesRead = this.#socket.bytesRead;
    if (this.#socket.bytesRead - this.#bytesRead > closingBytesMax) return 'over';
    this.#quietMs += elapsedMs;
    return this.#quietMs >= this.#limits.lingerMs ? 'over' : 'fine';
  }
}

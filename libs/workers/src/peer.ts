/** One end of the channel between a process and one it forked: `process` there, the ChildProcess here. */
export interface Channel {
  readonly connected: boolean;
  send?(message: object, onSent: (error: Error | null) => void): boolean;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  once(event: 'disconnect', listener: () => void): unknown;
}

/** What this end answers, by name. A handler's rejection reaches the caller as PeerError. */
export type Handlers = Readonly<Record<string, (payload: never) => unknown>>;

/** The other process refused a call, or is gone. */
export class PeerError extends Error {
  override readonly name = 'PeerError';
}

interface Call {
  readonly tidegate: 'call';
  readonly id: number;
  readonly call: string;
  readonly payload: unknown;
}

interface Answer {
  readonly tidegate: 'answer';
  readonly id: number;
  readonly payload?: unknown;
  readonly error?: string;
}

interface Waiting extends PromiseWithResolvers<unknown> {
  readonly timer: NodeJS.Timeout | undefined;
}

/** Calls in both directions between two processes; calls arrive in the order they were made. */
export class Peer {
  readonly #channel: Channel;
  readonly #handlers: Handlers;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor(channel: Channel, handlers: Handlers) {
    this.#channel = channel;
    this.#handlers = handlers;
    channel.on('message', (message) => this.#received(message as Call | Answer));
    channel.once('disconnect', () => {
      for (const id of this.#waiting.keys()) this.#settle({ tidegate: 'answer', id, error: 'the other process is gone' });
    });
  }

  /** Resolves with what the other process answers; rejects with PeerError, also when it says nothing within `timeoutMs`. */
  call<T>(name: string, payload?: unknown, timeoutMs?: number): Promise<T> {
    this.#lastId += 1;
    const id = this.#lastId;
    const late = (): void => this.#settle({ tidegate: 'answer', id, error: `no answer within ${timeoutMs} ms` });
    const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
    const waiting = { ...Promise.withResolvers<unknown>(), timer };
    this.#waiting.set(id, waiting);
    this.#send({ tidegate: 'call', id, call: name, payload }, (error) => this.#settle({ tidegate: 'answer', id, error: error.message }));
    return waiting.promise as Promise<T>;
  }

  #received(message: Call | Answer): void {
    if (message.tidegate === 'call') void this.#answer(message);
    else if (message.tidegate === 'answer') this.#settle(message);
  }

  async #answer({ id, call, payload }: Call): Promise<void> {
    let answer: Answer;
    try {
      const handler = this.#handlers[call];
      if (handler === undefined) throw new TypeError(`nothing here answers "${call}"`);
      answer = { tidegate: 'answer', id, payload: await handler(payload as never) };
    } catch (error) {
      answer = { tidegate: 'answer', id, error: error instanceof Error ? error.message : String(error) };
    }
    // Who asked and is gone needs no answer.
    this.#send(answer, () => undefined);
  }

  #settle({ id, payload, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (error === undefined) waiting.resolve(payload);
    else waiting.reject(new PeerError(error));
  }

  #send(message: Call | Answer, onFailed: (error: Error) => void): void {
    if (!this.#channel.connected || this.#channel.send === undefined) return onFailed(new Error('the other process is gone'));
    this.#channel.send(message, (error) => {
      if (error !== null) onFailed(error);
    });
  }
}

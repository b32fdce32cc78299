import type { HttpResponseSink } from './response-sink.js';

/** Heads that wait for the first bytes of their body, until the end of this turn of the event loop. */
export class FlushQueue {
  #sinks: HttpResponseSink[] = [];

  add(sink: HttpResponseSink): void {
    if (this.#sinks.length === 0) setImmediate(this.#flush);
    this.#sinks.push(sink);
  }

  readonly #flush = (): void => {
    const sinks = this.#sinks;
    this.#sinks = [];
    for (const sink of sinks) sink.flush();
  };
}

import type { Exchange } from './exchange.js';

/** Runs the rest of the list. */
export type Next = () => Promise<void>;

/** One step of the request path. Its function name is its name in logs, metrics and events. It may reject, or throw at once. */
export type Stage<E extends Exchange> = (exchange: E, next: Next) => Promise<void>;

/** A composed list: runs one exchange through it. */
export interface Pipeline<E extends Exchange> {
  (exchange: E): Promise<void>;
  /** Names in order. */
  readonly stageNames: readonly string[];
}

/**
 * Composes stages into one function, once, at start. Throws when a stage is not a function, has no name, or stands
 * twice. The last stage's `next` does nothing.
 */
export function compose<E extends Exchange>(stages: readonly Stage<E>[]): Pipeline<E> {
  const names = stages.map((stage) => nameOf(stage));
  for (const [at, name] of names.entries()) {
    if (names.indexOf(name) !== at) throw new TypeError(`stage ${name} stands twice in the list`);
  }
  const run = (exchange: E, at: number): Promise<void> => {
    const stage = stages[at];
    if (stage === undefined) return Promise.resolve();
    return stage(exchange, () => run(exchange, at + 1));
  };
  return Object.assign((exchange: E) => run(exchange, 0), { stageNames: names });
}

function nameOf(stage: unknown): string {
  if (typeof stage !== 'function') throw new TypeError(`a stage must be a function, got ${typeof stage}`);
  if (stage.name === '') throw new TypeError('a stage must be a named function');
  return stage.name;
}

import type { Clock } from '@tidegate/units';
import type { CheckLimit } from './check-limit.js';
import type { ClientGroups } from './client-groups.js';
import { StreamSession, type ChecksCall } from './stream-session.js';

/** Most checks open on one stream (limiter/F4). */
const openPerStreamMax = 1_024;

/** All open StreamChecks calls of a process. */
export class StreamSessions {
  readonly #checkLimit: CheckLimit;
  readonly #groups: ClientGroups;
  readonly #clock: Clock;
  readonly #sessions = new Set<StreamSession>();
  #isDraining = false;

  constructor(options: { checkLimit: CheckLimit; groups: ClientGroups; clock: Clock }) {
    this.#checkLimit = options.checkLimit;
    this.#groups = options.groups;
    this.#clock = options.clock;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** Serves one call until either side ends it. */
  open(call: ChecksCall): void {
    const session = new StreamSession({
      call,
      checkLimit: this.#checkLimit,
      groups: this.#groups,
      openMax: openPerStreamMax,
      now: () => this.#clock.monotonicMs(),
      onEnd: (ended) => void this.#sessions.delete(ended),
    });
    this.#sessions.add(session);
    if (this.#isDraining) session.drain();
  }

  /** Asks every client to open its stream elsewhere; what was accepted is still answered (limiter/F7). */
  drain(): void {
    this.#isDraining = true;
    for (const session of this.#sessions) session.drain();
  }
}

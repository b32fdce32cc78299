import type { CompiledPolicy, PolicySet } from '@tidegate/rate-limit';
import type { Clock } from '@tidegate/units';

/** A removed policy is served for this long, so that callers can reload, in ms (limiter/P10). */
const servedAfterRemovalMs = 10_000;

/** The policies in force: replaced as a whole, read once per check (limiter/G2). */
export class PolicySnapshot {
  readonly #clock: Clock;
  readonly #removed = new Map<string, number>();
  #current: PolicySet;

  constructor(initial: PolicySet, clock: Clock) {
    this.#clock = clock;
    this.#current = initial;
  }

  /** The set in force; a policy removed less than 10 s ago is still in it. */
  get current(): PolicySet {
    if (this.#removed.size > 0) this.#forgetRemoved();
    return this.#current;
  }

  /** Puts another set in force. Buckets keep their identity: nothing is reset (limiter/B8). */
  replace(next: PolicySet): void {
    const nowMs = this.#clock.monotonicMs();
    const policies = new Map<string, CompiledPolicy>(next.policies);
    for (const [name, policy] of this.#current.policies) {
      if (next.policies.has(name)) this.#removed.delete(name);
      else {
        policies.set(name, policy);
        if (!this.#removed.has(name)) this.#removed.set(name, nowMs + servedAfterRemovalMs);
      }
    }
    this.#current = { ...next, policies };
  }

  #forgetRemoved(): void {
    const nowMs = this.#clock.monotonicMs();
    const due = [...this.#removed].filter(([, untilMs]) => untilMs <= nowMs).map(([name]) => name);
    if (due.length === 0) return;
    for (const name of due) this.#removed.delete(name);
    const policies = new Map(this.#current.policies);
    for (const name of due) policies.delete(name);
    this.#current = { ...this.#current, policies };
  }
}

import { Reason, type Check, type Decision } from '@tidegate/grpc';

const entriesMax = 10_000;
const holdMsMax = 1_000;

interface Denial {
  readonly decision: Decision;
  readonly cost: number;
  readonly sentAtMs: number;
  readonly untilMs: number;
}

/**
 * Denials that still hold (limiter/C2): the same check, or a dearer one, is denied here until the time it was sent
 * + min(retryAfterMs, 1 s). Least recently used go first at 10,000. Times are monotonic milliseconds.
 */
export class DenyCache {
  readonly #denials = new Map<string, Denial>();
  #configVersion = '';

  get size(): number {
    return this.#denials.size;
  }

  /** A denial for this check, or undefined. Peeks are never answered from here. */
  find(check: Check, nowMs: number): Decision | undefined {
    if (this.#denials.size === 0 || check.cost === 0) return undefined;
    const key = buildDenyKey(check);
    const denial = this.#denials.get(key);
    if (denial === undefined) return undefined;
    if (nowMs >= denial.untilMs) {
      this.#denials.delete(key);
      return undefined;
    }
    if ((check.cost ?? 1) < denial.cost) return undefined;
    this.#denials.delete(key);
    this.#denials.set(key, denial);
    return toCachedDenial(denial, check, nowMs);
  }

  /** Learns from a limiter's decision; a new config version forgets everything. */
  learn(check: Check, decision: Decision, sentAtMs: number): void {
    if (decision.configVersion !== this.#configVersion) {
      this.#denials.clear();
      this.#configVersion = decision.configVersion;
    }
    if (decision.allowed || decision.degraded || check.cost === 0) return;
    const holdMs = Math.min(decision.retryAfterMs ?? holdMsMax, holdMsMax);
    const key = buildDenyKey(check);
    this.#denials.delete(key);
    this.#denials.set(key, { decision, cost: check.cost ?? 1, sentAtMs, untilMs: sentAtMs + holdMs });
    if (this.#denials.size > entriesMax) this.#evictOldest();
  }

  #evictOldest(): void {
    for (const key of this.#denials.keys()) {
      this.#denials.delete(key);
      return;
    }
  }
}

/** Policy, attributes and costs by limit, each part led by its length so that no value can imitate a border. */
function buildDenyKey(check: Check): string {
  let key = check.policy;
  for (const name in check.attributes) {
    const value = check.attributes[name] ?? '';
    key += `|${name.length}:${name}${value.length}:${value}`;
  }
  for (const limit in check.limitCosts) key += `#${limit}=${check.limitCosts[limit]}`;
  return key;
}

function toCachedDenial({ decision, sentAtMs }: Denial, check: Check, nowMs: number): Decision {
  const elapsedMs = Math.floor(nowMs - sentAtMs);
  const left = (ms: number | undefined) => (ms === undefined ? undefined : Math.max(1, ms - elapsedMs));
  return {
    ...decision,
    reason: Reason.DENY_CACHED,
    checkId: check.checkId,
    retryAfterMs: left(decision.retryAfterMs),
    resetMs: Math.max(0, decision.resetMs - elapsedMs),
    limits: decision.limits.map((limit) => ({
      ...limit,
      retryAfterMs: left(limit.retryAfterMs),
      resetMs: Math.max(0, limit.resetMs - elapsedMs),
    })),
  };
}

import type { ClientTally } from './tally.js';

/** A limit as the bound needs it. */
export interface BoundLimit {
  readonly name: string;
  readonly rate: number;
  readonly perMs: number;
  readonly burst: number;
}

/** What part may die while a replay runs. */
export type ReplayFault = 'none' | 'redis' | 'limiter';

/** One client that was let through more often than its limits allow. */
export interface ClientOverBound {
  readonly client: string;
  readonly allowed: number;
  readonly bound: number;
}

/**
 * Most requests a client may have had allowed in a span: the smallest of burst + rate * T over its limits (limiter/B1).
 * A fault adds what section 4 of the limiter's contract allows for one full outage: at most two bursts.
 */
export function boundOf(limits: readonly BoundLimit[], spanMs: number, fault: ReplayFault): number {
  const bounds = limits.map(({ rate, perMs, burst }) => burst + Math.floor((rate * spanMs) / perMs) + (fault === 'none' ? 0 : 2 * burst));
  return Math.min(Number.MAX_SAFE_INTEGER, ...bounds);
}

/** Clients above the bound, worst first. */
export function findOverBound(clients: ReadonlyMap<string, ClientTally>, bound: number): ClientOverBound[] {
  const over: ClientOverBound[] = [];
  for (const [client, { allowed }] of clients) if (allowed > bound) over.push({ client, allowed, bound });
  return over.sort((a, b) => b.allowed - a.allowed);
}

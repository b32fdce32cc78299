/** Tokens admitted at a time of the store's clock. */
export interface Admission {
  readonly atUs: number;
  readonly tokens: number;
}

/** An interval in which more was admitted than the limit allows. */
export interface BoundBreach {
  readonly fromUs: number;
  readonly toUs: number;
  readonly admitted: bigint;
}

/**
 * Proves limiter/B1 on every interval of a run: for admissions i..j the tokens are at most burst + rate * (time from i to
 * j), in exact arithmetic and O(n). Admissions come in the order of decision; a clock that goes back counts as standing still.
 * @returns the worst breach, or undefined if there is none
 */
export function findBoundBreach(admissions: readonly Admission[], limit: { rate: number; perMs: number; burst: number }): BoundBreach | undefined {
  const perUs = BigInt(limit.perMs) * 1_000n;
  // Excess over the rate of the best interval that ends here, times perUs: at most burst * perUs if B1 holds.
  let excess = 0n;
  let worst = BigInt(limit.burst) * perUs;
  let start = 0;
  let breach: BoundBreach | undefined;
  let admitted = 0n;
  let previousUs: number | undefined;
  for (const [index, { atUs, tokens }] of admissions.entries()) {
    const elapsedUs = BigInt(Math.max(0, atUs - (previousUs ?? atUs)));
    previousUs = atUs;
    excess -= elapsedUs * BigInt(limit.rate);
    if (excess <= 0n) [excess, admitted, start] = [0n, 0n, index];
    excess += BigInt(tokens) * perUs;
    admitted += BigInt(tokens);
    if (excess <= worst) continue;
    worst = excess;
    breach = { fromUs: (admissions[start] as Admission).atUs, toUs: atUs, admitted };
  }
  return breach;
}

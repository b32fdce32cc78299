import { z } from 'zod';

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Parses `250ms`, `5s`, `1m`, `24h`, `366d` (a whole number and one unit) to milliseconds; undefined if it is neither. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(\d{1,15})(ms|s|m|h|d)$/.exec(text);
  if (match === null) return undefined;
  const ms = Number(match[1]) * (unitsMs[match[2] ?? ''] ?? Number.NaN);
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** Schema of a duration: text in the file, milliseconds in the code, within [minMs, maxMs]. */
export const durationMs = (minMs = 0, maxMs = 366 * 86_400_000) =>
  z.string('expected a duration such as 250ms or 5s').transform((text, ctx) => {
    const ms = parseDurationMs(text);
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
    const range = ms === undefined ? 'a whole number and ms, s, m, h or d, such as 250ms or 5s' : `${minMs}ms to ${maxMs}ms`;
    ctx.addIssue({ code: 'custom', message: `expected a duration: ${range}, got "${text}"` });
    return z.NEVER;
  });

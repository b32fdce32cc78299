import { describe, expect, it } from 'vitest';
import { cacheLifetimeMs } from './jwks-source.js';

describe('gateway/A2 how long a key set is used', () => {
  it.each<[string | null, number]>([
    [null, 600_000],
    ['public', 600_000],
    ['max-age=3600', 3_600_000],
    ['public, Max-Age=120', 120_000],
    ['max-age="90"', 90_000],
    ['max-age=0', 60_000],
    ['max-age=9999999', 86_400_000],
    ['no-cache', 60_000],
    ['no-store, max-age=3600', 60_000],
    ['x-max-age=5', 600_000],
  ])('gateway/A2: Cache-Control %s: %d ms', (cacheControl, expectedMs) => {
    expect(cacheLifetimeMs(cacheControl)).toBe(expectedMs);
  });
});

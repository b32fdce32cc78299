import { randomBytes } from 'node:crypto';

/** What a ULID needs of a clock: milliseconds since the epoch. */
export interface UlidClock {
  nowMs(): number;
}

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** All two-digit numbers in base 32. */
const pairs: readonly string[] = Array.from({ length: 1024 }, (_, n) => (alphabet[n >> 5] ?? '') + (alphabet[n & 31] ?? ''));
const msMax = 2 ** 48 - 1;

/**
 * Makes a source of ULIDs that are unique and ascend within it, also when the clock stands still or goes back.
 * 48 bits of time, 40 random bits that stay for the life of the source, 40 bits that start at a random place in each
 * millisecond and count up from there.
 */
export function createUlid({ clock }: { readonly clock: UlidClock }): () => string {
  const own = randomPairs(4);
  let lastMs = -1;
  let high = 0;
  let low = 0;
  let prefix = '';
  const startMillisecond = (ms: number): void => {
    lastMs = ms;
    high = Math.floor(Math.random() * 2 ** 29);
    low = 0;
    prefix = toPrefix(ms, own, high);
  };
  return () => {
    const ms = clock.nowMs();
    if (ms > lastMs) startMillisecond(ms > msMax ? msMax : Math.floor(ms));
    else if (low === 1024) {
      high += 1;
      low = 0;
      prefix = toPrefix(lastMs, own, high);
    }
    const id = prefix + (pairs[low] ?? '');
    low += 1;
    return id;
  };
}

/** The 24 digits before the two that count fastest. */
function toPrefix(ms: number, own: string, high: number): string {
  const msHigh = Math.floor(ms / 2 ** 20);
  const time = pair(msHigh >>> 20) + pair(msHigh >>> 10) + pair(msHigh) + pair(ms / 1024) + pair(ms);
  return time + own + pair(high >>> 20) + pair(high >>> 10) + pair(high);
}

const pair = (n: number): string => pairs[n & 1023] ?? '';

function randomPairs(count: number): string {
  const bytes = randomBytes(count * 2);
  return Array.from({ length: count }, (_, at) => pair(bytes.readUInt16LE(at * 2))).join('');
}

/** A ULID's text: 26 digits of Crockford's base 32, the first at most 7. */
export const ulidPattern = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

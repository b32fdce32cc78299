import type { Fields } from '@tidegate/pipeline';

/** How often `pseudonym` stands in the Via fields: how often this tier has seen the request (RFC 9110 section 7.6.3). */
export function countVia(fields: readonly string[], pseudonym: string): number {
  let count = 0;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === 'via') count += countIn(fields[i + 1] ?? '', pseudonym);
  }
  return count;
}

/** Adds this tier's entry after those of the hops before. Changes `fields`. */
export function appendVia(fields: Fields, httpVersion: string, pseudonym: string): void {
  fields.push('via', `${httpVersion} ${pseudonym}`);
}

function countIn(value: string, pseudonym: string): number {
  let count = 0;
  for (const entry of value.split(',')) {
    const [, receivedBy] = entry.trim().split(/[ \t]+/, 2);
    if (receivedBy?.toLowerCase() === pseudonym) count += 1;
  }
  return count;
}

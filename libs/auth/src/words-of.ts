/** A claim that lists words: an array of text, or text with blanks between (RFC 8693 `scope`). Anything else is empty. */
export function wordsOf(value: unknown): string[] {
  if (typeof value === 'string') return value.split(' ').filter((word) => word !== '');
  return Array.isArray(value) ? value.filter((word): word is string => typeof word === 'string') : [];
}

/** A claim by its name, or by a JSON pointer (RFC 6901) when it starts with '/'. Only own members are claims. */
export function claimAt(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (!name.startsWith('/')) return ownMember(claims, name);
  let value: unknown = claims;
  for (const part of name.slice(1).split('/')) value = ownMember(value, part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return value;
}

/** A claim that lists words: an array of text, or text with blanks between (RFC 8693 `scope`). Anything else is empty. */
export function wordsOf(value: unknown): string[] {
  if (typeof value === 'string') return value.split(' ').filter((word) => word !== '');
  return Array.isArray(value) ? value.filter((word): word is string => typeof word === 'string') : [];
}

const ownMember = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;

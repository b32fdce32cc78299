/** A value a claim can be compared with. */
export type ClaimValue = string | number | boolean;

type Claims = Readonly<Record<string, unknown>>;

/** A claim by its name, or by a JSON pointer (RFC 6901) when it starts with '/'. Only own members are claims. */
export function claimAt(claims: Claims, name: string): unknown {
  if (!name.startsWith('/')) return ownMember(claims, name);
  let value: unknown = claims;
  for (const part of name.slice(1).split('/')) value = ownMember(value, part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return value;
}

/** Whether a claim has the value, or lists it. */
export function hasClaim(claims: Claims, name: string, expected: ClaimValue): boolean {
  const value = claimAt(claims, name);
  return Array.isArray(value) ? value.includes(expected) : value === expected;
}

const ownMember = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;

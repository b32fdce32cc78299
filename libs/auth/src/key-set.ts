import type { KeyObject } from 'node:crypto';
import { parseJwk } from './static-key.js';
import type { TokenHeader } from './token-parts.js';

/** A public key of a set, and what it says of itself. */
export interface SetKey {
  readonly kid: string | undefined;
  readonly alg: string | undefined;
  readonly key: KeyObject;
}

const keysMax = 256;

/**
 * Reads a JWK Set (RFC 7517 section 5). Keys it cannot use are left out: of unknown type, symmetric, or not for
 * verifying. Throws when the text is no key set at all.
 */
export function parseKeySet(text: string): SetKey[] {
  const set: unknown = JSON.parse(text);
  const jwks = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : undefined;
  if (!Array.isArray(jwks)) throw new TypeError('the answer is no JWK Set: it has no list "keys"');
  return jwks.slice(0, keysMax).flatMap((jwk: unknown) => toSetKey(jwk) ?? []);
}

function toSetKey(jwk: unknown): SetKey | undefined {
  if (typeof jwk !== 'object' || jwk === null) return undefined;
  const { kty, kid, alg, use, key_ops: operations } = jwk as Record<string, unknown>;
  if (kty === 'oct' || (use !== undefined && use !== 'sig')) return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return undefined;
  try {
    const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
    return { kid: text(kid), alg: text(alg), key: parseJwk(jwk as Record<string, unknown>) };
  } catch {
    return undefined;
  }
}

/** The keys of a set that a header can mean: those of its kid, or all where it names none. */
export function findInKeySet(set: readonly SetKey[], { alg, kid }: TokenHeader): KeyObject[] {
  return set
    .filter((entry) => (kid === undefined || entry.kid === kid) && (entry.alg === undefined || entry.alg === alg))
    .map(({ key }) => key);
}

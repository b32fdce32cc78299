import { hasDuplicateMembers } from './json-members.js';
import { TokenError } from './token-error.js';

/** What a token's header says before anything is verified. */
export interface TokenHeader {
  readonly alg: string;
  readonly kid: string | undefined;
}

/** Longest token that is looked at. */
export const tokenBytesMax = 8_192;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Looks over a compact JWS (RFC 7515) before a verifier parses it: three parts in the one canonical base64url spelling,
 * header and claims JSON objects without duplicate members, no `crit`, no `b64`, no encryption. Throws a TokenError.
 * Key material in the header (`jku`, `x5u`, `jwk`, `x5c`) is not looked at, here or later.
 */
export function readTokenHeader(token: string): TokenHeader {
  if (token.length > tokenBytesMax) throw new TokenError('The token is too long');
  const parts = token.split('.');
  if (parts.length === 5) throw new TokenError('Encrypted tokens are not accepted');
  if (parts.length !== 3) throw new TokenError('The token is malformed');
  const [header, claims, signature] = parts.map(decodePart);
  if (header === undefined || claims === undefined || signature === undefined)
    throw new TokenError('The token is malformed');
  const { alg, kid, crit, b64, enc } = parseObject(header);
  if (crit !== undefined || b64 !== undefined || enc !== undefined)
    throw new TokenError('The token needs an extension that is not supported');
  if (typeof alg !== 'string' || (kid !== undefined && typeof kid !== 'string'))
    throw new TokenError('The token is malformed');
  parseObject(claims);
  return { alg, kid };
}

/** The bytes of a part; undefined unless it is spelled exactly as an encoder would: no padding, no other alphabet, no spare bits. */
function decodePart(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.toString('base64url') === part ? bytes : undefined;
}

function parseObject(bytes: Buffer): Record<string, unknown> {
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw new TokenError('The token is malformed');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TokenError('The token is malformed');
  if (hasDuplicateMembers(text)) throw new TokenError('The token names a member twice');
  return value as Record<string, unknown>;
}

/** A token that is not accepted, and why in public words (RFC 6750 `error_description`: no quotes, no backslashes). */
export class TokenError extends Error {
  override readonly name = 'TokenError';
}

/** The keys to check a token with have never been loaded: not the token's fault. */
export class KeysUnavailableError extends Error {
  override readonly name = 'KeysUnavailableError';
}

import { randomUUID } from 'node:crypto';
import type { AuthSigningKey } from '@tidegate/auth';
import type { Clock } from '@tidegate/units';
import { importJWK, SignJWT, type JWK } from 'jose';

/** What a token says. */
export interface Grant {
  readonly subject: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
}

/** Makes tokens and publishes the key that proves them. */
export interface TokenSigner {
  readonly jwks: { readonly keys: readonly JWK[] };
  sign(grant: Grant, ttlSeconds: number): Promise<string>;
}

/** As the provider `demo` of the shipped `tidegate.yaml` expects them. */
const issuer = 'tidegate-demo';
const audience = 'tidegate';

/** Signs JWTs (RFC 7519) with Ed25519 (RFC 8037). */
export function createTokenSigner(signingKey: AuthSigningKey, clock: Clock): TokenSigner {
  const { d: _secret, ...publicKey } = signingKey;
  const key = importJWK({ ...signingKey }, 'EdDSA');
  return {
    jwks: { keys: [publicKey] },
    async sign({ subject, clientId, scopes, roles }, ttlSeconds) {
      const now = Math.floor(clock.nowMs() / 1_000);
      return new SignJWT({ scope: scopes.join(' '), roles, client_id: clientId })
        .setProtectedHeader({ alg: 'EdDSA', kid: signingKey.kid, typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(subject)
        .setJti(randomUUID())
        .setIssuedAt(now)
        .setExpirationTime(now + ttlSeconds)
        .sign(await key);
    },
  };
}

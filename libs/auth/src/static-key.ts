import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';

/** A JSON Web Key as it stands in a configuration or a key set. */
export type Jwk = Readonly<Record<string, unknown>>;

/** A public key from PEM: SPKI, PKCS #1 or a certificate. Throws on anything else, private keys included. */
export function parsePublicKeyPem(pem: string): KeyObject {
  if (pem.includes('PRIVATE KEY')) throw new TypeError('this is a private key; give the public one');
  return createPublicKey(pem);
}

/** The key of a JWK; of a private one the public half. Throws on what node:crypto does not know. */
export function parseJwk(jwk: Jwk): KeyObject {
  if (jwk['kty'] === 'oct') return createSecretKey(Buffer.from(String(jwk['k']), 'base64url'));
  return createPublicKey({ key: jwk, format: 'jwk' });
}

/** A shared secret, as its UTF-8 bytes. */
export function parseSecret(secret: string): KeyObject {
  if (secret.includes('-----BEGIN')) throw new TypeError('this is a PEM key, not a shared secret');
  return createSecretKey(Buffer.from(secret, 'utf8'));
}

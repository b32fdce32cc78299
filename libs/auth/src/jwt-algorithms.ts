import type { KeyObject } from 'node:crypto';

/** Signature algorithms a provider may pin (RFC 7518, RFC 8037). `none` is not among them. */
export const jwtAlgorithms = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

export type JwtAlgorithm = (typeof jwtAlgorithms)[number];

const curves: Readonly<Record<string, string>> = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' };
const rsaBitsMin = 2_048;

/** Whether the algorithm uses a shared secret. */
export const isSymmetric = (algorithm: string): boolean => algorithm.startsWith('HS');

/** Shortest secret for an HS algorithm, bytes (RFC 7518 section 3.2). */
export const secretBytesMin = (algorithm: JwtAlgorithm): number => Number(algorithm.slice(2)) / 8;

/** Whether a key is of the one type the algorithm works with, and long enough. */
export function isKeyFor(algorithm: JwtAlgorithm, key: KeyObject): boolean {
  if (isSymmetric(algorithm)) return key.type === 'secret' && (key.symmetricKeySize ?? 0) >= secretBytesMin(algorithm);
  if (key.type !== 'public') return false;
  if (algorithm === 'EdDSA') return key.asymmetricKeyType === 'ed25519';
  if (algorithm.startsWith('ES'))
    return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === curves[algorithm];
  const isRsa = key.asymmetricKeyType === 'rsa' || (key.asymmetricKeyType === 'rsa-pss' && algorithm.startsWith('PS'));
  return isRsa && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= rsaBitsMin;
}

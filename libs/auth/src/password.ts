import { randomBytes, scrypt, scryptSync, timingSafeEqual } from 'node:crypto';

const cost = 16_384;
const blockSize = 8;
const parallelization = 1;
const hashBytes = 32;

/** Hashes a password with scrypt (RFC 7914) and a fresh salt; the result names its parameters. */
export function hashPassword(password: string): string {
  const salt = randomBytes(16);
  const hash = scryptSync(password, salt, hashBytes, { N: cost, r: blockSize, p: parallelization });
  return ['scrypt', cost, blockSize, parallelization, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/** Whether the password has this hash; compares in constant time. False for a hash of another form. */
export function verifyPassword(password: string, stored: string): Promise<boolean> {
  const [kind, N, r, p, salt, hash] = stored.split('$');
  if (kind !== 'scrypt' || salt === undefined || hash === undefined) return Promise.resolve(false);
  const expected = Buffer.from(hash, 'base64url');
  return new Promise((resolve, reject) => {
    scrypt(
      password,
      Buffer.from(salt, 'base64url'),
      expected.length,
      { N: Number(N), r: Number(r), p: Number(p) },
      (err, actual) => {
        if (err === null) resolve(expected.length > 0 && timingSafeEqual(actual, expected));
        else reject(err);
      },
    );
  });
}

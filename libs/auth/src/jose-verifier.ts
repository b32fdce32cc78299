import type { KeyObject } from 'node:crypto';
import { callbackify } from 'node:util';
import type { Clock } from '@tidegate/units';
import { errors, jwtVerify, type JWTPayload } from 'jose';
import passportJwt from 'passport-jwt';
import { isKeyFor, type JwtAlgorithm } from './jwt-algorithms.js';
import { TokenError } from './token-error.js';
import { readTokenHeader } from './token-parts.js';

/** What a strategy hands to the verifier; passport-jwt adds the first three of its own options. */
export interface VerifyOptions {
  readonly issuer?: string[] | undefined;
  readonly audience?: string[] | undefined;
  readonly algorithms: readonly JwtAlgorithm[];
  readonly leewayMs: number;
  readonly isExpRequired: boolean;
  readonly typ?: string | undefined;
  readonly clock: Clock;
}

type JwtVerifier = (token: string, keys: readonly KeyObject[], options: VerifyOptions) => Promise<JWTPayload>;

/**
 * Verifies a compact JWT with jose against the first of the keys that fits. Rejects with a TokenError.
 * Nothing in the token's header chooses a key's type: each key must be of the type its algorithm has.
 */
const verifyWithJose: JwtVerifier = async (token, keys, options) => {
  const { alg } = readTokenHeader(token);
  const algorithm = options.algorithms.find((known) => known === alg);
  if (algorithm === undefined) throw new TokenError('The algorithm of the token is not accepted');
  const fitting = keys.filter((key) => isKeyFor(algorithm, key));
  let failure: unknown = new TokenError('The token was signed with an unknown key');
  for (const key of fitting) {
    try {
      const { payload } = await jwtVerify(token, key, toJoseOptions(options));
      if (payload.exp !== undefined && !Number.isFinite(payload.exp))
        throw new TokenError('A time in the token is not a number');
      return payload;
    } catch (err) {
      failure = err;
      // Another key may be the one only when this one's signature did not fit.
      if (!(err instanceof errors.JWSSignatureVerificationFailed)) break;
    }
  }
  throw toTokenError(failure);
};

// passport-jwt verifies with jsonwebtoken, which knows neither EdDSA nor key sets. Its verifier is one static for the
// whole process, called as (token, key, options, callback): this is the one place that replaces it.
(passportJwt.Strategy as unknown as { JwtVerifier: unknown }).JwtVerifier = callbackify(verifyWithJose);

/** passport-jwt's strategy, with jose as its verifier. */
export const JwtStrategy = passportJwt.Strategy;

function toJoseOptions({
  issuer,
  audience,
  algorithms,
  leewayMs,
  isExpRequired,
  typ,
  clock,
}: VerifyOptions): Parameters<typeof jwtVerify>[2] {
  return {
    algorithms: [...algorithms],
    clockTolerance: leewayMs / 1_000,
    currentDate: new Date(clock.nowMs()),
    requiredClaims: isExpRequired ? ['exp'] : [],
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
    ...(typ === undefined ? {} : { typ }),
  };
}

function toTokenError(thrown: unknown): TokenError {
  if (thrown instanceof TokenError) return thrown;
  return new TokenError(describe(thrown), { cause: thrown });
}

function describe(thrown: unknown): string {
  if (thrown instanceof errors.JWTExpired) return 'The token has expired';
  if (thrown instanceof errors.JWSSignatureVerificationFailed) return 'The signature of the token is not valid';
  if (!(thrown instanceof errors.JWTClaimValidationFailed)) return 'The token is malformed';
  if (thrown.reason === 'missing') return `The token has no ${thrown.claim}`;
  return thrown.claim === 'nbf' ? 'The token is not valid yet' : `The ${thrown.claim} of the token is not accepted`;
}

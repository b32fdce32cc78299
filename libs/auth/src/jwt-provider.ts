import { callbackify } from 'node:util';
import { Fault } from '@tidegate/fault';
import { claimAt } from '@tidegate/routing';
import type { Clock } from '@tidegate/units';
import type { JwtProviderConfig } from './auth-schema.js';
import { toOutcome, type AuthOutcome } from './auth-outcome.js';
import { cannotCheckYet } from './challenges.js';
import type { ConsumersConfig, FindConsumer } from './consumers-schema.js';
import { findBearerToken, type Credential, type CredentialRequest } from './credential.js';
import { JwtStrategy, type VerifyOptions } from './jose-verifier.js';
import type { KeySource } from './key-source.js';
import type { Principal } from './principal.js';
import type { Provider } from './provider.js';
import { KeysUnavailableError, TokenError } from './token-error.js';
import { readTokenHeader, tokenBytesMax } from './token-parts.js';
import { VerifiedTokens } from './verified-tokens.js';
import { wordsOf } from './words-of.js';

type Claims = Readonly<Record<string, unknown>>;

/** What a JWT provider works with. */
export interface JwtProviderOptions {
  readonly name: string;
  readonly config: JwtProviderConfig;
  readonly keys: KeySource;
  readonly clock: Clock;
  readonly consumers: ConsumersConfig;
  readonly findConsumer: FindConsumer;
}

/** A provider that takes bearer tokens (gateway/A1, A3). A token seen before is answered without a promise. */
export function createJwtProvider(options: JwtProviderOptions): Provider {
  const { name, config, keys, clock } = options;
  const verified = new VerifiedTokens<AuthOutcome>();
  const verify = createTokenVerifier(options);
  /** Tokens being verified: equal ones that come meanwhile wait for the same answer. */
  const pending = new Map<string, Promise<Principal>>();

  const remember = (token: string, key: string, credential: Credential): Promise<Principal> => {
    const verifying = verify(token).then((claims) => {
      const principal = toPrincipal(options, claims);
      const expiresAtMs = typeof claims['exp'] === 'number' ? claims['exp'] * 1_000 : Number.POSITIVE_INFINITY;
      verified.set(key, toOutcome(principal, name, credential), { nowMs: clock.nowMs(), expiresAtMs });
      return principal;
    });
    pending.set(key, verifying);
    return verifying.finally(() => pending.delete(key));
  };

  return {
    name,
    scheme: 'Bearer',
    queryParameter: config.sources.query,
    find: (request: CredentialRequest) => findBearerToken(config.sources, request),
    check(credential) {
      const token = credential.value;
      if (token.length > tokenBytesMax) throw new TokenError('The token is too long');
      const key = VerifiedTokens.keyOf(token);
      const known = verified.get(key, clock.nowMs());
      if (known !== undefined)
        return known.credentialField === credential.field && known.credentialCookie === credential.cookie
          ? known
          : toOutcome(known.principal, name, credential);
      return (pending.get(key) ?? remember(token, key, credential)).then((principal) =>
        toOutcome(principal, name, credential),
      );
    },
    close: () => keys.close(),
  };
}

/** Verifies one token through passport-jwt's strategy; rejects with a TokenError, or a fault when there are no keys yet. */
function createTokenVerifier({ config, keys, clock }: JwtProviderOptions): (token: string) => Promise<Claims> {
  const { issuers, audiences, algorithms, leewayMs, isExpRequired, typ } = config;
  const verifyOptions: Omit<VerifyOptions, 'issuer' | 'audience' | 'algorithms'> = { leewayMs, isExpRequired, typ, clock };
  const strategy = new JwtStrategy(
    {
      jwtFromRequest: (request) => (request as unknown as { token: string }).token,
      // The verifier in jose-verifier.ts takes a list of key objects in place of a secret.
      secretOrKeyProvider: callbackify(
        async (_request: unknown, token: string) => (await keys.find(readTokenHeader(token))) as unknown as Buffer,
      ),
      ...(issuers.length === 0 ? {} : { issuer: [...issuers] }),
      ...(audiences.length === 0 ? {} : { audience: [...audiences] }),
      algorithms: [...algorithms] as never,
      jsonWebTokenOptions: verifyOptions as never,
    },
    (claims: Claims, done: (err: unknown, user: Claims) => void) => done(null, claims),
  );
  return (token) =>
    new Promise((resolve, reject) => {
      // A strategy answers by calling methods of its own: each verification gets a derived one, as passport does it.
      const attempt = Object.create(strategy) as typeof strategy & { success: (claims: Claims) => void };
      attempt.success = resolve;
      attempt.fail = (reason: unknown) => reject(toRejection(reason));
      attempt.error = (reason: unknown) => reject(toRejection(reason));
      attempt.authenticate({ token } as never);
    });
}

function toRejection(reason: unknown): Error {
  if (reason instanceof KeysUnavailableError) return cannotCheckYet(reason.message, reason);
  if (reason instanceof TokenError || reason instanceof Fault) return reason;
  return reason instanceof Error && reason.message === 'No auth token'
    ? new TokenError('The token is empty')
    : new Error('the strategy broke', { cause: reason });
}

function toPrincipal({ name, config, consumers, findConsumer }: JwtProviderOptions, claims: Claims): Principal {
  const consumer = findConsumer(name, claims);
  const plan = consumer === undefined ? undefined : consumers[consumer]?.plan;
  const scopes = claimAt(claims, config.scopesClaim) ?? (config.scopesClaim === 'scope' ? claims['scp'] : undefined);
  return {
    kind: 'jwt',
    id: firstText(claims['sub'], claims['client_id'], claims['azp']),
    ...(consumer === undefined ? {} : { consumer }),
    ...(plan === undefined ? {} : { plan }),
    scopes: wordsOf(scopes),
    roles: wordsOf(claimAt(claims, config.rolesClaim)),
    claims,
  };
}

/** The first that is text; '-' where a token names nobody. */
const firstText = (...values: unknown[]): string =>
  values.find((value): value is string => typeof value === 'string' && value !== '') ?? '-';

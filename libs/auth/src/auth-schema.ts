import type { KeyObject } from 'node:crypto';
import { durationMs, name } from '@tidegate/units';
import { z } from 'zod';
import { isKeyFor, isSymmetric, jwtAlgorithms, secretBytesMin, type JwtAlgorithm } from './jwt-algorithms.js';
import { parseJwk, parsePublicKeyPem, parseSecret, type Jwk } from './static-key.js';

/** Where a provider's keys come from. */
export type KeyConfig =
  | { readonly kind: 'jwks'; readonly url: string }
  | { readonly kind: 'pem'; readonly pem: string }
  | { readonly kind: 'jwk'; readonly jwk: Jwk }
  | { readonly kind: 'secret'; readonly secret: string };

/** Where a bearer token may stand; names in lower case for fields. */
export interface TokenSources {
  readonly authorization: boolean;
  readonly header?: string | undefined;
  readonly cookie?: string | undefined;
  /** Always removed before the request is forwarded. */
  readonly query?: string | undefined;
}

/** A provider that takes JWTs (gateway/A1). */
export interface JwtProviderConfig {
  readonly type: 'jwt';
  /** Any of these; empty: not checked. */
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  readonly algorithms: readonly JwtAlgorithm[];
  readonly keys: KeyConfig;
  readonly leewayMs: number;
  readonly isExpRequired: boolean;
  readonly typ?: string | undefined;
  readonly sources: TokenSources;
  /** Claim names, or JSON pointers when they start with '/'. */
  readonly scopesClaim: string;
  readonly rolesClaim: string;
}

/** A provider that takes API keys (gateway/A4): from its header, or `Authorization: ApiKey`. */
export interface ApiKeyProviderConfig {
  readonly type: 'apiKey';
  readonly header: string;
}

export type ProviderConfig = JwtProviderConfig | ApiKeyProviderConfig;

/** The `auth:` part of the configuration. */
export interface AuthConfig {
  readonly providers: Readonly<Record<string, ProviderConfig>>;
}

const fieldName = () =>
  z
    .string()
    .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'expected the name of a header field')
    .transform((text) => text.toLowerCase());
const oneOrMore = () =>
  z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1).max(32)])
    .transform((value) => (typeof value === 'string' ? [value] : value));
const isLoopback = (host: string): boolean => host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);

const jwks = z
  .strictObject({ url: z.string(), insecureHosts: z.array(z.string().min(1)).max(16).default([]) })
  .superRefine(({ url, insecureHosts }, ctx) => {
    const { protocol, hostname, username } = URL.canParse(url) ? new URL(url) : { protocol: '', hostname: '', username: '' };
    if (!['https:', 'http:'].includes(protocol) || username !== '')
      ctx.addIssue({ code: 'custom', path: ['url'], message: 'expected an https URL without a user' });
    else if (protocol === 'http:' && !isLoopback(hostname) && !insecureHosts.includes(hostname)) {
      ctx.addIssue({
        code: 'custom',
        path: ['url'],
        message: `expected https: plain http is for loopback and the hosts named in insecureHosts, not for ${hostname}`,
      });
    }
  });

const jwtProvider = z
  .strictObject({
    type: z.literal('jwt'),
    issuer: oneOrMore().optional(),
    audience: oneOrMore().optional(),
    algorithms: z.array(z.enum(jwtAlgorithms)).min(1),
    jwks: jwks.optional(),
    publicKey: z.string().min(1).optional(),
    jwk: z.record(z.string(), z.unknown()).optional(),
    secret: z.string().min(1).optional(),
    leeway: durationMs(0, 300_000).default(30_000),
    requireExp: z.boolean().default(true),
    typ: z.string().min(1).max(128).optional(),
    from: z
      .strictObject({
        authorization: z.boolean().default(true),
        header: fieldName().optional(),
        cookie: z
          .string()
          .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/)
          .optional(),
        query: z.string().min(1).max(128).optional(),
      })
      .refine(
        (from) => from.authorization || from.header !== undefined || from.cookie !== undefined || from.query !== undefined,
        'expected at least one source',
      )
      .default({ authorization: true }),
    scopesClaim: z.string().min(1).max(256).default('scope'),
    rolesClaim: z.string().min(1).max(256).default('roles'),
  })
  .transform((provider, ctx): JwtProviderConfig => {
    const keys = toKeyConfig(provider);
    const problem =
      keys === undefined
        ? 'expected exactly one of jwks, publicKey, jwk, secret'
        : findKeyProblem(keys, provider.algorithms);
    if (keys === undefined || problem !== undefined) {
      ctx.addIssue({ code: 'custom', message: problem ?? '' });
      return z.NEVER;
    }
    const { algorithms, leeway, requireExp, typ, from, scopesClaim, rolesClaim, issuer = [], audience = [] } = provider;
    return {
      type: 'jwt',
      issuers: issuer,
      audiences: audience,
      algorithms,
      keys,
      leewayMs: leeway,
      isExpRequired: requireExp,
      typ,
      sources: from,
      scopesClaim,
      rolesClaim,
    };
  });

const apiKeyProvider = z.strictObject({ type: z.literal('apiKey'), header: fieldName().default('x-api-key') });

/** Schema of `auth:`. */
export const authSchema = z
  .strictObject({ providers: z.record(name(), z.discriminatedUnion('type', [jwtProvider, apiKeyProvider])).default({}) })
  .transform((config): AuthConfig => config);

interface GivenKeys {
  readonly jwks?: { readonly url: string } | undefined;
  readonly publicKey?: string | undefined;
  readonly jwk?: Jwk | undefined;
  readonly secret?: string | undefined;
}

function toKeyConfig({ jwks: set, publicKey, jwk, secret }: GivenKeys): KeyConfig | undefined {
  const given: KeyConfig[] = [];
  if (set !== undefined) given.push({ kind: 'jwks', url: set.url });
  if (publicKey !== undefined) given.push({ kind: 'pem', pem: publicKey });
  if (jwk !== undefined) given.push({ kind: 'jwk', jwk });
  if (secret !== undefined) given.push({ kind: 'secret', secret });
  return given.length === 1 ? given[0] : undefined;
}

/** The key of a static configuration; undefined for a key set. Throws where it cannot be read. */
export function toStaticKey(keys: KeyConfig): KeyObject | undefined {
  if (keys.kind === 'jwks') return undefined;
  if (keys.kind === 'pem') return parsePublicKeyPem(keys.pem);
  return keys.kind === 'jwk' ? parseJwk(keys.jwk) : parseSecret(keys.secret);
}

/** Why these keys cannot serve these algorithms; never shows a key. */
function findKeyProblem(keys: KeyConfig, algorithms: readonly JwtAlgorithm[]): string | undefined {
  const [first] = algorithms.filter(isSymmetric);
  if (keys.kind === 'jwks')
    return first === undefined ? undefined : `${first} takes a shared secret, which a key set (jwks) must not hold`;
  if (keys.kind === 'jwk') {
    const { alg, use } = keys.jwk;
    if (alg !== undefined && algorithms.some((algorithm) => algorithm !== alg))
      return `the jwk is for algorithm ${JSON.stringify(alg)} alone`;
    if (use !== undefined && use !== 'sig') return 'the jwk is not for signatures (use)';
  }
  try {
    const key = toStaticKey(keys);
    const misfit = algorithms.find((algorithm) => key === undefined || !isKeyFor(algorithm, key));
    if (misfit === undefined) return undefined;
    const wanted = isSymmetric(misfit)
      ? `a secret of at least ${secretBytesMin(misfit)} bytes`
      : 'a public key of its own type (RSA keys from 2048 bits)';
    return `algorithm ${misfit} needs ${wanted}, and all algorithms of a static key must fit it`;
  } catch (err) {
    return `the key cannot be read: ${err instanceof TypeError && !('code' in err) ? err.message : 'it is not valid'}`;
  }
}

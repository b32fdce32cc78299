import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { authSchema } from './index.js';

const complaints = (provider: object): string =>
  authSchema
    .safeParse({ providers: { p: { type: 'jwt', algorithms: ['EdDSA'], ...provider } } })
    .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    .join('\n') ?? '';

const rsa = generateKeyPairSync('rsa', { modulusLength: 1_024 });
const ed25519 = generateKeyPairSync('ed25519');
const publicPem = ed25519.publicKey.export({ type: 'spki', format: 'pem' }).toString();

describe('authSchema', () => {
  it('fills in the defaults', () => {
    expect(
      authSchema.parse({
        providers: {
          p: { type: 'jwt', algorithms: ['EdDSA'], issuer: 'me', jwks: { url: 'https://auth.example/jwks' } },
          k: { type: 'apiKey' },
        },
      }),
    ).toEqual({
      providers: {
        p: {
          type: 'jwt',
          issuers: ['me'],
          audiences: [],
          algorithms: ['EdDSA'],
          keys: { kind: 'jwks', url: 'https://auth.example/jwks' },
          leewayMs: 30_000,
          isExpRequired: true,
          typ: undefined,
          sources: { authorization: true },
          scopesClaim: 'scope',
          rolesClaim: 'roles',
        },
        k: { type: 'apiKey', header: 'x-api-key' },
      },
    });
  });

  it.each(['http://127.0.0.1:7001/jwks', 'http://localhost/jwks', 'http://[::1]:1/jwks', 'https://auth.example/jwks'])(
    'gateway/A2: takes %s',
    (url) => {
      expect(complaints({ jwks: { url } })).toBe('');
    },
  );

  it('gateway/A2: takes plain http for the hosts that are named, and no others', () => {
    expect(complaints({ jwks: { url: 'http://auth:7001/jwks', insecureHosts: ['auth'] } })).toBe('');
    expect(complaints({ jwks: { url: 'http://auth.evil:7001/jwks', insecureHosts: ['auth'] } })).toContain(
      'not for auth.evil',
    );
    expect(complaints({ jwks: { url: 'http://127.0.0.1.evil/jwks' } })).toContain('expected https');
  });

  it.each<[string, object, string]>([
    ['alg none', { algorithms: ['none'], publicKey: publicPem }, 'p.algorithms.0'],
    ['no algorithms', { algorithms: [], publicKey: publicPem }, 'p.algorithms'],
    ['no key', {}, 'exactly one of'],
    ['two keys', { publicKey: publicPem, jwks: { url: 'https://a/' } }, 'exactly one of'],
    ['HS with a key set', { algorithms: ['RS256', 'HS256'], jwks: { url: 'https://a/' } }, 'HS256 takes a shared secret'],
    [
      'HS with a public key',
      { algorithms: ['HS256'], publicKey: publicPem },
      'algorithm HS256 needs a secret of at least 32 bytes',
    ],
    ['HS with a public key as secret', { algorithms: ['HS256'], secret: publicPem }, 'this is a PEM key'],
    ['RS and HS in one', { algorithms: ['HS256', 'RS256'], secret: 's'.repeat(32) }, 'algorithm RS256 needs a public key'],
    [
      'a secret that is too short',
      { algorithms: ['HS256', 'HS512'], secret: 's'.repeat(63) },
      'HS512 needs a secret of at least 64 bytes',
    ],
    ['a key of another type', { algorithms: ['ES256'], publicKey: publicPem }, 'ES256 needs a public key of its own type'],
    [
      'RSA below 2048 bits',
      { algorithms: ['RS256'], publicKey: rsa.publicKey.export({ type: 'spki', format: 'pem' }) },
      'RSA keys from 2048 bits',
    ],
    ['a private key', { publicKey: ed25519.privateKey.export({ type: 'pkcs8', format: 'pem' }) }, 'this is a private key'],
    ['a key that is none', { publicKey: 'hush' }, 'it is not valid'],
    [
      'a JWK for another algorithm',
      { jwk: { ...ed25519.publicKey.export({ format: 'jwk' }), alg: 'ES256' } },
      'for algorithm "ES256" alone',
    ],
    ['a JWK for encryption', { jwk: { ...ed25519.publicKey.export({ format: 'jwk' }), use: 'enc' } }, 'not for signatures'],
    ['a leeway of more than 5 min', { publicKey: publicPem, leeway: '301s' }, 'p.leeway'],
    ['no source', { publicKey: publicPem, from: { authorization: false } }, 'at least one source'],
    ['introspection, which is not built', { publicKey: publicPem, introspection: {} }, 'introspection'],
    ['ftp', { jwks: { url: 'ftp://a/' } }, 'https URL'],
  ])('gateway/A1: refuses %s', (_what, provider, complaint) => {
    expect(complaints(provider)).toContain(complaint);
    expect(complaints(provider)).not.toContain('hush');
  });
});

import { createServer, type Server } from 'node:http';
import { createHmac, generateKeyPairSync, sign as signBytes, type KeyObject } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { Fault } from '@tidegate/fault';
import { fakeClock } from '@tidegate/testkit';
import { SignJWT, type JWTPayload } from 'jose';
import { afterEach, describe, expect, it } from 'vitest';
import {
  authSchema,
  consumersSchema,
  createAuthenticator,
  toServiceFields,
  type Authenticator,
  type AuthOutcome,
} from './index.js';

const silent = { info: () => undefined, warn: () => undefined };
const health = { set: () => undefined };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

type Clock = ReturnType<typeof fakeClock>;
const seconds = (clock: Clock) => Math.floor(clock.nowMs() / 1_000);

function authenticator(
  provider: object,
  { clock = fakeClock(), consumers = {} }: { clock?: Clock; consumers?: object } = {},
): {
  clock: Clock;
  ask: (fields: string[], query?: string, optional?: boolean) => Promise<AuthOutcome>;
  auth: Authenticator;
} {
  const auth = createAuthenticator({
    auth: authSchema.parse({ providers: { main: { type: 'jwt', ...provider } } }),
    consumers: consumersSchema.parse(consumers),
    clock,
    logger: silent,
    health,
  });
  cleanups.push(() => auth.close());
  const rule = (optional: boolean) => ({ providers: ['main'], optional });
  const strict = rule(false);
  return {
    clock,
    auth,
    ask: async (fields, query = '', optional = false) =>
      auth.authenticate(optional ? rule(true) : strict, { fields, query }),
  };
}

const bearer = (token: string): string[] => ['authorization', `Bearer ${token}`];

/** The fault of a refused request, as `status challenge`. */
async function refusal(asked: Promise<AuthOutcome>): Promise<string> {
  const fault: unknown = await asked.then(
    () => 'let in',
    (err: unknown) => err,
  );
  if (!(fault instanceof Fault)) return String(fault);
  return `${fault.status} ${fault.details.fields?.join(' ') ?? ''}`;
}

const pairs = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2_048 }),
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  p521: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ed25519: generateKeyPairSync('ed25519'),
};
const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();
const secret = 's'.repeat(64);
const secretKey = Buffer.from(secret);

const good = (clock: Clock, part: JWTPayload = {}): JWTPayload => ({
  iss: 'me',
  aud: 'tidegate',
  sub: 'alice',
  exp: seconds(clock) + 600,
  scope: 'orders:read x',
  roles: ['staff'],
  ...part,
});
const issue = (claims: JWTPayload, alg: string, ...[key, header = {}]: [KeyObject | Uint8Array, object?]) =>
  new SignJWT(claims).setProtectedHeader({ alg, ...header }).sign(key);
const hs256 = (claims: JWTPayload, header: object = {}) => issue(claims, 'HS256', secretKey, header);

/** A token put together by hand: nothing between us and the bytes. */
const raw = (
  header: string,
  claims: string,
  sign: (input: string) => string = (input) => createHmac('sha256', secretKey).update(input).digest('base64url'),
): string => {
  const input = `${Buffer.from(header).toString('base64url')}.${Buffer.from(claims).toString('base64url')}`;
  return `${input}.${sign(input)}`;
};

const hsProvider = { algorithms: ['HS256'], secret, issuer: 'me', audience: 'tidegate' };

describe('gateway/A1 good tokens', () => {
  it.each<[string, KeyObject | Uint8Array, object]>([
    ['HS256', secretKey, { secret }],
    ['HS384', secretKey, { secret }],
    ['HS512', secretKey, { secret }],
    ['RS256', pairs.rsa.privateKey, { publicKey: pem(pairs.rsa.publicKey) }],
    ['RS384', pairs.rsa.privateKey, { publicKey: pem(pairs.rsa.publicKey) }],
    ['RS512', pairs.rsa.privateKey, { jwk: pairs.rsa.publicKey.export({ format: 'jwk' }) }],
    ['PS256', pairs.rsa.privateKey, { publicKey: pem(pairs.rsa.publicKey) }],
    ['PS384', pairs.rsa.privateKey, { publicKey: pem(pairs.rsa.publicKey) }],
    ['PS512', pairs.rsa.privateKey, { publicKey: pem(pairs.rsa.publicKey) }],
    ['ES256', pairs.p256.privateKey, { publicKey: pem(pairs.p256.publicKey) }],
    ['ES384', pairs.p384.privateKey, { jwk: pairs.p384.publicKey.export({ format: 'jwk' }) }],
    ['ES512', pairs.p521.privateKey, { publicKey: pem(pairs.p521.publicKey) }],
    ['EdDSA', pairs.ed25519.privateKey, { publicKey: pem(pairs.ed25519.publicKey) }],
  ])('gateway/A1: %s', async (alg, key, keys) => {
    const { ask, clock } = authenticator({ algorithms: [alg], issuer: 'me', audience: 'tidegate', ...keys });
    const token = await issue(good(clock), alg, key);
    const outcome = await ask(bearer(token));
    expect(outcome.principal).toEqual({
      kind: 'jwt',
      id: 'alice',
      scopes: ['orders:read', 'x'],
      roles: ['staff'],
      claims: good(clock),
    });
    const tampered = `${token.slice(0, -10)}${token.at(-10) === 'A' ? 'B' : 'A'}${token.slice(-9)}`;
    expect(await refusal(ask(bearer(tampered)))).toMatch(
      /^401 www-authenticate Bearer realm="tidegate", error="invalid_token"/,
    );
  });

  it('gateway/A1: the example of RFC 7515 A.1, its secret as a JWK', async () => {
    const token =
      'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
    const jwk = { kty: 'oct', k: 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow' };
    const { ask } = authenticator(
      { algorithms: ['HS256'], jwk, issuer: 'joe' },
      { clock: fakeClock(1_300_819_380_000 - 1_000) },
    );
    expect((await ask(bearer(token))).principal).toMatchObject({ id: '-', claims: { 'http://example.com/is_root': true } });
  });

  it('gateway/A1: leeway forgives 30 s on exp and nbf, no more', async () => {
    const { ask, clock } = authenticator(hsProvider);
    const at = seconds(clock);
    expect((await ask(bearer(await hs256(good(clock, { exp: at - 29, nbf: at + 30 }))))).principal.id).toBe('alice');
    expect(await refusal(ask(bearer(await hs256(good(clock, { exp: at - 30 })))))).toContain('The token has expired');
    expect(await refusal(ask(bearer(await hs256(good(clock, { nbf: at + 31 })))))).toContain('The token is not valid yet');
  });

  it('gateway/A1: one of several audiences and issuers is enough', async () => {
    const { ask, clock } = authenticator({ ...hsProvider, issuer: ['other', 'me'], audience: ['x', 'tidegate'] });
    expect((await ask(bearer(await hs256(good(clock, { aud: ['a', 'tidegate'] }))))).principal.id).toBe('alice');
  });

  it('gateway/A1: exp may be switched off, typ may be asked for', async () => {
    const { ask, clock } = authenticator({ ...hsProvider, requireExp: false, typ: 'at+jwt' });
    const { exp: _exp, ...timeless } = good(clock);
    expect((await ask(bearer(await hs256(timeless, { typ: 'application/AT+jwt' })))).principal.id).toBe('alice');
    expect(await refusal(ask(bearer(await hs256(timeless, { typ: 'JWT' }))))).toContain(
      'The typ of the token is not accepted',
    );
    expect(await refusal(ask(bearer(await hs256(timeless))))).toContain('The typ of the token is not accepted');
  });
});

describe('gateway/A1 attacks', () => {
  const now = seconds(fakeClock());
  const claims = JSON.stringify({ iss: 'me', aud: 'tidegate', sub: 'alice', exp: now + 600 });
  const rsaPem = pem(pairs.rsa.publicKey);
  const tokenOf = (part: JWTPayload) => hs256({ iss: 'me', aud: 'tidegate', sub: 'alice', exp: now + 600, ...part });

  it.each<[string, () => string | Promise<string>]>([
    ['alg none without a signature', () => raw('{"alg":"none"}', claims, () => '')],
    ['alg none in other letters', () => raw('{"alg":"nOnE"}', claims, () => '')],
    ['alg none with a signature', () => raw('{"alg":"none"}', claims)],
    ['an empty signature', () => raw('{"alg":"HS256"}', claims, () => '')],
    ['an algorithm that is not pinned', () => issue(JSON.parse(claims) as JWTPayload, 'HS512', secretKey)],
    ['an algorithm in lower case', () => raw('{"alg":"hs256"}', claims)],
    ['alg as a list', () => raw('{"alg":["HS256"]}', claims)],
    ['no alg', () => raw('{"typ":"JWT"}', claims)],
    [
      'another secret',
      () =>
        raw('{"alg":"HS256"}', claims, (input) => createHmac('sha256', 'x'.repeat(64)).update(input).digest('base64url')),
    ],
    [
      'an empty secret',
      () => raw('{"alg":"HS256"}', claims, (input) => createHmac('sha256', '').update(input).digest('base64url')),
    ],
    [
      'claims changed after signing',
      async () =>
        (await tokenOf({})).replace(/\.[^.]+\./, `.${Buffer.from(claims.replace('alice', 'admin')).toString('base64url')}.`),
    ],
    ['a member twice in the header', () => raw('{"alg":"none","alg":"HS256"}', claims)],
    ['a member twice in the claims', () => raw('{"alg":"HS256"}', claims.replace('{', '{"sub":"admin",'))],
    ['a member twice by an escape', () => raw('{"alg":"HS256"}', claims.replace('{', '{"s\\u0075b":"admin",'))],
    ['a member twice deep inside', () => raw('{"alg":"HS256"}', claims.replace('{', '{"a":[{"b":1,"b":2}],'))],
    ['crit with an unknown extension', () => raw('{"alg":"HS256","crit":["exp"],"exp":1}', claims)],
    ['an empty crit', () => raw('{"alg":"HS256","crit":[]}', claims)],
    ['b64 false', () => raw('{"alg":"HS256","b64":false,"crit":["b64"]}', claims)],
    ['a JWE', () => 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA'],
    ['a JWE header on three parts', () => raw('{"alg":"HS256","enc":"A256GCM"}', claims)],
    [
      'the secret in a jwk of the header',
      () =>
        raw(`{"alg":"HS256","jwk":{"kty":"oct","k":"${Buffer.alloc(64).toString('base64url')}"}}`, claims, (input) =>
          createHmac('sha256', Buffer.alloc(64)).update(input).digest('base64url'),
        ),
    ],
    ['padding', async () => `${await tokenOf({})}=`],
    ['blanks inside', async () => (await tokenOf({})).replace('.', '. ')],
    [
      'the base64 alphabet that is not for URLs',
      () => raw('{"alg":"HS256","x":"???>>>"}', claims).replaceAll('_', '/').replaceAll('-', '+'),
    ],
    ['spare bits in the last character', async () => respellLast(await tokenOf({}))],
    ['two parts', async () => (await tokenOf({})).split('.').slice(0, 2).join('.')],
    ['four parts', async () => `${await tokenOf({})}.AAAA`],
    ['claims that are a list', () => raw('{"alg":"HS256"}', '[]')],
    ['claims that are null', () => raw('{"alg":"HS256"}', 'null')],
    ['claims that are no JSON', () => raw('{"alg":"HS256"}', '{')],
    ['a byte order mark', () => raw('\ufeff{"alg":"HS256"}', claims)],
    [
      'claims that are not UTF-8',
      () => rawBytes(Buffer.concat([Buffer.from(claims.slice(0, -1)), Buffer.from(',"n":"\xff"}', 'latin1')])),
    ],
    ['a header deeper than any', () => raw(`{"alg":"HS256","x":${'['.repeat(40)}${']'.repeat(40)}}`, claims)],
    ['more than 8 KiB', () => tokenOf({ filler: 'x'.repeat(8_192) })],
    ['no exp', () => raw('{"alg":"HS256"}', '{"iss":"me","aud":"tidegate","sub":"alice"}')],
    ['an expired token', () => tokenOf({ exp: now - 31 })],
    ['exp as text', () => raw('{"alg":"HS256"}', claims.replace(String(now + 600), `"${now + 600}"`))],
    ['exp beyond numbers', () => raw('{"alg":"HS256"}', claims.replace(String(now + 600), '1e999'))],
    ['exp null', () => raw('{"alg":"HS256"}', claims.replace(String(now + 600), 'null'))],
    ['nbf in the future', () => tokenOf({ nbf: now + 31 })],
    ['nbf as text', () => raw('{"alg":"HS256"}', claims.replace('{', '{"nbf":"0",'))],
    ['another issuer', () => tokenOf({ iss: 'you' })],
    ['an issuer that begins alike', () => tokenOf({ iss: 'me2' })],
    ['an issuer as a list', () => raw('{"alg":"HS256"}', claims.replace('"me"', '["me"]'))],
    ['no issuer', () => raw('{"alg":"HS256"}', claims.replace('"iss":"me",', ''))],
    ['another audience', () => tokenOf({ aud: 'others' })],
    ['an audience that holds ours as a part', () => tokenOf({ aud: 'xtidegatex' })],
    ['no audience', () => raw('{"alg":"HS256"}', claims.replace('"aud":"tidegate",', ''))],
    ['an empty token', () => ''],
    ['dots', () => '..'],
    ['no token at all', () => 'garbage'],
  ])('gateway/A1: refuses %s with 401 and a challenge', async (_what, make) => {
    const { ask } = authenticator(hsProvider);
    const token = await make();
    for (let round = 0; round < 2; round += 1) {
      expect(await refusal(ask(bearer(token)))).toMatch(
        /^401 www-authenticate Bearer realm="tidegate", error="invalid_token", error_description="[\x20-\x21\x23-\x5b\x5d-\x7e]+"$/,
      );
      expect(await refusal(ask(bearer(token), '', true))).toMatch(/^401 /);
    }
  });

  function respellLast(token: string): string {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(token.at(-1) ?? '');
    const respelled = token.slice(0, -1) + (alphabet[last ^ 1] ?? '');
    // The same bytes: only the spelling differs.
    expect(Buffer.from(respelled.split('.')[2] ?? '', 'base64url')).toEqual(
      Buffer.from(token.split('.')[2] ?? '', 'base64url'),
    );
    return respelled;
  }

  function rawBytes(claimBytes: Buffer): string {
    const input = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${claimBytes.toString('base64url')}`;
    return `${input}.${createHmac('sha256', secretKey).update(input).digest('base64url')}`;
  }

  it('gateway/A1: an HS token signed with the public key is no RS token', async () => {
    const { ask } = authenticator({ algorithms: ['RS256'], publicKey: rsaPem });
    for (const key of [rsaPem, rsaPem.trim(), pairs.rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }).toString()]) {
      const token = raw('{"alg":"HS256"}', claims, (input) => createHmac('sha256', key).update(input).digest('base64url'));
      expect(await refusal(ask(bearer(token)))).toContain('401');
    }
  });

  it('gateway/A1: a PS signature is no RS signature, an ES signature in DER is none', async () => {
    const { ask } = authenticator({ algorithms: ['RS256'], publicKey: rsaPem });
    expect(
      await refusal(ask(bearer(await issue(JSON.parse(claims) as JWTPayload, 'PS256', pairs.rsa.privateKey)))),
    ).toContain('401');
    const es = authenticator({ algorithms: ['ES256'], publicKey: pem(pairs.p256.publicKey) });
    expect(
      await refusal(
        es.ask(
          bearer(
            raw('{"alg":"ES256"}', claims, (input) =>
              signBytes('sha256', Buffer.from(input), pairs.p256.privateKey).toString('base64url'),
            ),
          ),
        ),
      ),
    ).toContain('401');
    const zeros = raw('{"alg":"ES256"}', claims, () => Buffer.alloc(64).toString('base64url'));
    expect(await refusal(es.ask(bearer(zeros)))).toContain('401');
  });

  it('gateway/A1: a key in the header is not used', async () => {
    const { ask } = authenticator({ algorithms: ['EdDSA'], publicKey: pem(pairs.ed25519.publicKey) });
    const own = generateKeyPairSync('ed25519');
    const token = await issue(JSON.parse(claims) as JWTPayload, 'EdDSA', own.privateKey, {
      jwk: own.publicKey.export({ format: 'jwk' }),
      jku: 'http://127.0.0.1:1/',
      x5u: 'http://127.0.0.1:1/',
    });
    expect(await refusal(ask(bearer(token)))).toContain('401');
  });

  it('gateway/A1: what is not known of a good header does not matter', async () => {
    const { ask, clock } = authenticator(hsProvider);
    const token = await hs256(good(clock), {
      jku: 'http://127.0.0.1:1/',
      x5u: 'http://127.0.0.1:1/',
      x5c: ['AAAA'],
      jwk: { kty: 'oct', k: 'AAAA' },
      kid: '../../x',
    });
    expect((await ask(bearer(token))).principal.id).toBe('alice');
  });
});

describe('gateway section 3: which credential, and what a refusal says', () => {
  it('asks for a credential without an error where none was sent', async () => {
    const { ask } = authenticator(hsProvider);
    for (const fields of [[], ['authorization', 'Basic YTpi'], ['authorization', 'Bearerx y'], ['cookie', 'a=b']])
      expect(await refusal(ask(fields))).toBe('401 www-authenticate Bearer realm="tidegate"');
  });

  it('lets nobody in as anonymous unless the rule is optional', async () => {
    const { ask } = authenticator(hsProvider);
    expect((await ask([], '', true)).principal.kind).toBe('anonymous');
  });

  it('reads the scheme in any case', async () => {
    const { ask, clock } = authenticator(hsProvider);
    const token = await hs256(good(clock));
    for (const scheme of ['bearer', 'BEARER', 'Bearer '])
      expect((await ask(['authorization', `${scheme} ${token}`])).principal.id).toBe('alice');
  });

  it('takes a token from a header, a cookie and the query, and takes it out of the query', async () => {
    const { ask, clock } = authenticator({
      ...hsProvider,
      from: { authorization: false, header: 'X-Token', cookie: 'session', query: 'access_token' },
    });
    const token = await hs256(good(clock));
    expect(await ask(['x-token', token])).toMatchObject({
      principal: { id: 'alice' },
      credentialField: 'x-token',
      query: undefined,
    });
    expect(await ask(['cookie', `a=1; session=${token}`])).toMatchObject({
      principal: { id: 'alice' },
      credentialField: 'cookie',
      credentialCookie: 'session',
    });
    expect(await ask([], `?a=1&access%5Ftoken=${token}&b=%20`)).toMatchObject({
      principal: { id: 'alice' },
      credentialField: undefined,
      query: '?a=1&b=%20',
    });
    expect(await ask([], `?access_token=${token}`)).toMatchObject({ query: '' });
    expect(await refusal(ask(bearer(token)))).toContain('401');
  });

  it.each<[string, (token: string) => [string[], string?]]>([
    ['two Authorization fields', (token) => [[...bearer(token), ...bearer(token)]]],
    ['Authorization twice, one of another scheme', (token) => [[...bearer(token), 'authorization', 'Basic YTpi']]],
    ['header and query', (token) => [bearer(token), `?access_token=${token}`]],
    ['header and cookie', (token) => [[...bearer(token), 'cookie', `session=${token}`]]],
    ['two parameters', (token) => [[], `?access_token=${token}&access_token=${token}`]],
    ['two cookies', (token) => [['cookie', `session=${token}; session=${token}`]]],
  ])('two bearer tokens in one request are 400: %s', async (_what, make) => {
    const { ask, clock } = authenticator({ ...hsProvider, from: { cookie: 'session', query: 'access_token' } });
    const [fields, query] = make(await hs256(good(clock)));
    expect(await refusal(ask(fields, query))).toBe(
      '400 www-authenticate Bearer realm="tidegate", error="invalid_request", error_description="More than one credential was sent"',
    );
  });

  it('gives one challenge per provider, and the error to the one that decided', async () => {
    const clock = fakeClock();
    const auth = createAuthenticator({
      auth: authSchema.parse({
        providers: {
          a: { type: 'jwt', ...hsProvider },
          b: { type: 'jwt', ...hsProvider, from: { authorization: false, header: 'x-b' } },
        },
      }),
      consumers: {},
      clock,
      logger: silent,
      health,
    });
    const rule = { providers: ['a', 'b'], optional: false };
    const ask = async (fields: string[]) => auth.authenticate(rule, { fields, query: '' });
    expect(await refusal(ask(['x-b', 'bad']))).toBe(
      '401 www-authenticate Bearer realm="tidegate" www-authenticate Bearer realm="tidegate", error="invalid_token", error_description="The token is malformed"',
    );
    // The first whose credential is present decides, and its bad one never falls through to the next.
    const token = await hs256(good(clock));
    expect(await refusal(ask([...bearer('bad'), 'x-b', token]))).toContain('400');
    expect((await ask(['x-b', token])).provider).toBe('b');
  });

  it('gateway/Z5: keeps a bearer token for the service unless told otherwise', async () => {
    const { ask, clock } = authenticator({ ...hsProvider, from: { cookie: 'session' } });
    const token = await hs256(good(clock));
    const fields = ['a', '1', ...bearer(token)];
    const outcome = await ask(fields);
    expect(toServiceFields(fields, outcome, undefined)).toBe(fields);
    expect(toServiceFields(fields, outcome, false)).toEqual(['a', '1']);
    const cookies = ['cookie', `a=1; session=${token}; b=2`];
    expect(toServiceFields(cookies, await ask(cookies), false)).toEqual(['cookie', 'a=1; b=2']);
  });
});

describe('gateway/A3 verified tokens', () => {
  it('gateway/A3: a token seen before is answered at once, by the same principal', async () => {
    const { ask, auth, clock } = authenticator(hsProvider);
    const fields = bearer(await hs256(good(clock)));
    const first = await ask(fields);
    const second = auth.authenticate({ providers: ['main'], optional: false }, { fields, query: '' });
    expect(second).not.toBeInstanceOf(Promise);
    expect((second as AuthOutcome).principal).toBe(first.principal);
  });

  it('gateway/A3: never past exp, however often it was seen', async () => {
    const { ask, clock } = authenticator({ ...hsProvider, leeway: '0s' });
    const fields = bearer(await hs256(good(clock, { exp: seconds(clock) + 10 })));
    await ask(fields);
    clock.advance(9_999);
    expect((await ask(fields)).principal.id).toBe('alice');
    clock.advance(1);
    expect(await refusal(ask(fields))).toContain('The token has expired');
  });

  it('gateway/A3: equal tokens that arrive together are verified once and all let in', async () => {
    const { ask, clock } = authenticator(hsProvider);
    const fields = bearer(await hs256(good(clock)));
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => ask(fields)));
    expect(new Set(outcomes.map(({ principal }) => principal)).size).toBe(1);
  });

  it('gateway/A3: a bad token stays bad among good ones', async () => {
    const { ask, clock } = authenticator(hsProvider);
    const token = await hs256(good(clock));
    await ask(bearer(token));
    expect(await refusal(ask(bearer(`${token}A`)))).toContain('401');
    expect(await refusal(ask(bearer(token.slice(0, -1))))).toContain('401');
  });
});

describe('consumers', () => {
  const consumers = {
    acme: { plan: 'gold', jwt: { subjects: ['svc-acme'] } },
    globex: { jwt: { claims: { '/org/id': 'globex' } } },
    elsewhere: { jwt: { provider: 'other', subjects: ['svc-x'] } },
  };

  it('are found by subject, then by claims', async () => {
    const { ask, clock } = authenticator(hsProvider, { consumers });
    const who = async (part: JWTPayload) => (await ask(bearer(await hs256(good(clock, part))))).principal;
    expect(await who({ sub: 'svc-acme', org: { id: 'globex' } })).toMatchObject({ consumer: 'acme', plan: 'gold' });
    expect(await who({ org: { id: 'globex' } })).toMatchObject({ consumer: 'globex' });
    expect(await who({ org: { id: 'globex' } })).not.toHaveProperty('plan');
    expect(await who({ sub: 'svc-x' })).not.toHaveProperty('consumer');
  });

  it('share no subject', () => {
    const twice = consumersSchema.safeParse({ a: { jwt: { subjects: ['s'] } }, b: { jwt: { subjects: ['s'] } } });
    expect(twice.error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`)).toEqual([
      'b.jwt.subjects.0 subject "s" belongs to consumer "a" already',
    ]);
  });
});

/** A real HTTP server of a key set that can be changed, broken and counted. */
async function startJwksServer(): Promise<{
  url: string;
  keys: object[];
  status: number;
  cacheControl: string | undefined;
  downloads: number;
  server: Server;
}> {
  const state = { url: '', keys: [] as object[], status: 200, cacheControl: undefined as string | undefined, downloads: 0 };
  const server = createServer((_request, response) => {
    state.downloads += 1;
    response.writeHead(state.status, {
      'content-type': 'application/json',
      ...(state.cacheControl === undefined ? {} : { 'cache-control': state.cacheControl }),
    });
    response.end(JSON.stringify({ keys: state.keys }));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(state, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`, server });
}

function newSigner(kid: string | undefined): { jwk: object; sign: (claims: JWTPayload) => Promise<string> } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const named = kid === undefined ? {} : { kid };
  return {
    jwk: { ...publicKey.export({ format: 'jwk' }), ...named },
    sign: (claims) => issue(claims, 'EdDSA', privateKey, named),
  };
}

describe('gateway/A2 key sets', () => {
  const provider = (url: string) => ({ algorithms: ['EdDSA', 'RS256'], issuer: 'me', audience: 'tidegate', jwks: { url } });

  it('gateway/A2: rotating keys gives no 401', async () => {
    const jwks = await startJwksServer();
    const [old, fresh] = [newSigner('1'), newSigner('2')];
    jwks.keys = [old.jwk];
    const { ask, clock } = authenticator(provider(jwks.url));
    expect((await ask(bearer(await old.sign(good(clock))))).principal.id).toBe('alice');
    jwks.keys = [fresh.jwk, old.jwk];
    const asked = await Promise.all(
      Array.from({ length: 40 }, async (_, at) =>
        ask(bearer(await (at % 2 === 0 ? fresh : old).sign(good(clock, { sub: `user-${at}` })))),
      ),
    );
    expect(asked.map(({ principal }) => principal.id)).toEqual(Array.from({ length: 40 }, (_, at) => `user-${at}`));
    expect(jwks.downloads).toBe(2);
  });

  it('gateway/A2: unknown kids cause one download per 10 s, shared by all that wait', async () => {
    const jwks = await startJwksServer();
    const [known, unknown] = [newSigner('1'), newSigner('2')];
    jwks.keys = [known.jwk];
    const { ask, clock } = authenticator(provider(jwks.url));
    await ask(bearer(await known.sign(good(clock))));
    const storm = async () => {
      const refusals = await Promise.all(
        Array.from({ length: 30 }, async (_, at) => refusal(ask(bearer(await unknown.sign(good(clock, { jti: `${at}` })))))),
      );
      expect(new Set(refusals)).toEqual(
        new Set([
          '401 www-authenticate Bearer realm="tidegate", error="invalid_token", error_description="The token was signed with an unknown key"',
        ]),
      );
    };
    await storm();
    expect(jwks.downloads).toBe(2);
    clock.advance(9_999);
    await storm();
    expect(jwks.downloads).toBe(2);
    clock.advance(1);
    await storm();
    expect(jwks.downloads).toBe(3);
  });

  it('gateway/A2: old keys stay in use while downloads fail', async () => {
    const jwks = await startJwksServer();
    const [old, fresh] = [newSigner('1'), newSigner('2')];
    jwks.keys = [old.jwk];
    const { ask, clock } = authenticator(provider(jwks.url));
    await ask(bearer(await old.sign(good(clock))));
    jwks.status = 500;
    expect(await refusal(ask(bearer(await fresh.sign(good(clock)))))).toContain('401');
    expect((await ask(bearer(await old.sign(good(clock, { jti: 'new' }))))).principal.id).toBe('alice');
  });

  it('gateway/A2: unreachable at start is no 401 but 503 and not ready with the reason, until it is reached', async () => {
    const jwks = await startJwksServer();
    const signer = newSigner('1');
    jwks.keys = [signer.jwk];
    jwks.status = 503;
    const said: [boolean, string | undefined][] = [];
    let becameReady: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => {
      becameReady = resolve;
    });
    const clock = fakeClock();
    const auth = createAuthenticator({
      auth: authSchema.parse({ providers: { main: { type: 'jwt', ...provider(jwks.url) } } }),
      consumers: {},
      clock,
      logger: silent,
      health: {
        set: (check, ok, reason) => {
          expect(check).toBe('jwks:main');
          said.push([ok, reason]);
          if (ok) becameReady();
        },
      },
    });
    cleanups.push(() => auth.close());
    const ask = async () =>
      auth.authenticate(
        { providers: ['main'], optional: false },
        { fields: bearer(await signer.sign(good(clock))), query: '' },
      );
    expect(await refusal(ask())).toBe('503 retry-after 1');
    expect(said.at(-1)).toEqual([false, `the keys of provider main cannot be loaded from ${jwks.url}: it answered 503`]);
    jwks.status = 200;
    await ready;
    expect((await ask()).principal.id).toBe('alice');
  });

  it('gateway/A2: keys without kid are all tried, whatever their order', async () => {
    const jwks = await startJwksServer();
    const [one, two] = [newSigner(undefined), newSigner(undefined)];
    jwks.keys = [one.jwk, pairs.rsa.publicKey.export({ format: 'jwk' }), two.jwk];
    const { ask, clock } = authenticator(provider(jwks.url));
    for (const signer of [two, one]) expect((await ask(bearer(await signer.sign(good(clock))))).principal.id).toBe('alice');
  });

  it('gateway/A2: symmetric keys, keys for encryption and keys of another algorithm are not used', async () => {
    const jwks = await startJwksServer();
    const signer = newSigner('1');
    for (const part of [{ use: 'enc' }, { alg: 'RS256' }, { key_ops: ['sign'] }]) {
      jwks.keys = [
        { ...signer.jwk, ...part },
        { kty: 'oct', kid: '1', k: secretKey.toString('base64url') },
        { kty: 'what' },
        {},
      ];
      const { ask, clock } = authenticator(provider(jwks.url));
      expect(await refusal(ask(bearer(await signer.sign(good(clock)))))).toContain('unknown key');
    }
  });

  it('gateway/A2: a redirect is not followed', async () => {
    const jwks = await startJwksServer();
    const redirecting = createServer((_request, response) => response.writeHead(302, { location: jwks.url }).end());
    await new Promise<void>((resolve) => {
      redirecting.listen(0, '127.0.0.1', resolve);
    });
    cleanups.push(() => redirecting.close());
    const signer = newSigner('1');
    jwks.keys = [signer.jwk];
    const { ask, clock } = authenticator(provider(`http://127.0.0.1:${(redirecting.address() as AddressInfo).port}/`));
    expect(await refusal(ask(bearer(await signer.sign(good(clock)))))).toContain('503');
    expect(jwks.downloads).toBe(0);
  });
});

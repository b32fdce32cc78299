import { createHash, timingSafeEqual } from 'node:crypto';
import { hashPassword, verifyPassword } from '@tidegate/auth';
import type { Clock } from '@tidegate/units';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { DemoSecrets } from '../config.js';
import type { MountRole } from '../role-server.js';
import { createTokenSigner, type Grant } from '../token-signer.js';

/** Body of `POST /auth/token`: RFC 6749 4.3 and 4.4, and two members of ours. */
const tokenRequest = z.object({
  grant_type: z.string(),
  scope: z.string().max(1_024).optional(),
  client_id: z.string().max(256).optional(),
  client_secret: z.string().max(256).optional(),
  username: z.string().max(256).optional(),
  password: z.string().max(256).optional(),
  /** Whom the client asks for; without it the token is the client's own. */
  sub: z.string().min(1).max(256).optional(),
  /** Seconds the token is valid. */
  ttl: z.coerce.number().int().min(1).max(86_400).default(3_600),
});

type TokenRequest = z.output<typeof tokenRequest>;

/** A refusal in the words of RFC 6749 5.2. */
class TokenError extends Error {
  constructor(
    readonly error: string,
    description: string,
    readonly status = 400,
  ) {
    super(description);
  }
}

/** `POST /auth/token` (client credentials, or a demo user with password) and `GET /.well-known/jwks.json`. */
export function createAuth(secrets: DemoSecrets, clock: Clock): MountRole {
  const signer = createTokenSigner(secrets.authSigningKey, clock);
  return (server) => {
    server.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(String(body))));
    });
    server.get('/.well-known/jwks.json', (_request, reply) => reply.header('cache-control', 'public, max-age=300').send(signer.jwks));
    server.post('/auth/token', async (request, reply) => {
      try {
        const asked = parseTokenRequest(request.body, request.headers.authorization);
        const grant = await decideGrant(asked, secrets);
        const access_token = await signer.sign(grant, asked.ttl);
        return await answer(reply, 200, { access_token, token_type: 'Bearer', expires_in: asked.ttl, scope: grant.scopes.join(' ') });
      } catch (error) {
        if (!(error instanceof TokenError)) throw error;
        if (error.status === 401) reply.header('www-authenticate', 'Basic realm="tidegate-demo"');
        return answer(reply, error.status, { error: error.error, error_description: error.message });
      }
    });
  };
}

const answer = (reply: FastifyReply, status: number, body: object): FastifyReply => reply.status(status).header('cache-control', 'no-store').send(body);

function parseTokenRequest(body: unknown, authorization: string | undefined): TokenRequest {
  const result = tokenRequest.safeParse(body ?? {});
  if (!result.success) {
    const faults = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    throw new TokenError('invalid_request', faults.join('; '));
  }
  const basic = /^basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '')?.[1];
  if (basic === undefined) return result.data;
  const [id = '', ...rest] = Buffer.from(basic, 'base64').toString('utf8').split(':');
  return { ...result.data, client_id: decodeURIComponent(id), client_secret: decodeURIComponent(rest.join(':')) };
}

async function decideGrant(asked: TokenRequest, secrets: DemoSecrets): Promise<Grant> {
  if (asked.grant_type === 'client_credentials') return grantToClient(asked, secrets);
  if (asked.grant_type === 'password') return grantToUser(asked, secrets);
  throw new TokenError('unsupported_grant_type', 'grant_type is client_credentials or password');
}

/** A client acts for itself or for a subject it names; for a demo user never beyond what that user may. */
function grantToClient(asked: TokenRequest, { clients, demoUsers }: DemoSecrets): Grant {
  const client = clients.find(({ id }) => id === asked.client_id);
  if (client === undefined || !isEqual(client.secret, asked.client_secret ?? '')) throw new TokenError('invalid_client', 'unknown client or wrong secret', 401);
  const user = demoUsers.find(({ name }) => name === asked.sub);
  const allowed = user === undefined ? client.scopes : client.scopes.filter((scope) => user.scopes.includes(scope));
  return { subject: asked.sub ?? client.id, clientId: client.id, scopes: grantScopes(asked.scope, allowed), roles: user?.roles ?? [] };
}

/** Compared against when there is no such user, so that an answer takes as long. */
const nobodysHash = hashPassword('nobody');

async function grantToUser(asked: TokenRequest, { demoUsers }: DemoSecrets): Promise<Grant> {
  const user = demoUsers.find(({ name }) => name === asked.username);
  const isRight = await verifyPassword(asked.password ?? '', user?.passwordHash ?? nobodysHash);
  if (user === undefined || !isRight) throw new TokenError('invalid_grant', 'unknown user or wrong password');
  return { subject: user.name, clientId: 'demo', scopes: grantScopes(asked.scope, user.scopes), roles: user.roles };
}

/** What was asked for and may be had; everything when nothing was asked for (RFC 6749 3.3). */
function grantScopes(scope: string | undefined, allowed: readonly string[]): string[] {
  const asked = scope?.split(' ').filter((one) => one !== '') ?? [];
  if (asked.length === 0) return [...allowed];
  const granted = allowed.filter((one) => asked.includes(one));
  if (granted.length === 0) throw new TokenError('invalid_scope', `none of these scopes may be had; there are: ${allowed.join(' ')}`);
  return granted;
}

function isEqual(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

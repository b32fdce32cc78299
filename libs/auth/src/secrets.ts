import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { hashPassword } from './password.js';
import { createOnce, ensureSecretFolder, readSecret } from './secret-files.js';

/** Someone who may ask the auth service for tokens in its own name, or for the subject it names. */
export interface ClientCredential {
  readonly id: string;
  readonly secret: string;
  readonly scopes: readonly string[];
}

/** A user of the demo's auth service. */
export interface DemoUser {
  readonly name: string;
  /** See hashPassword. */
  readonly passwordHash: string;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
}

/** Key the tiers sign `x-tidegate-token` with. */
export interface InternalTokenKey {
  readonly kid: string;
  readonly key: Buffer;
}

/** Private Ed25519 key of the auth service (RFC 8037). */
export interface AuthSigningKey {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly alg: 'EdDSA';
  readonly use: 'sig';
  readonly kid: string;
  readonly x: string;
  readonly d: string;
}

/** Everything in the secrets folder (gateway/A11). */
export interface Secrets {
  readonly directory: string;
  readonly adminToken: string;
  readonly internalTokenKey: InternalTokenKey;
  readonly authSigningKey: AuthSigningKey;
  /** The first is the one `tidegate token` uses. */
  readonly clients: readonly ClientCredential[];
  readonly demoUsers: readonly DemoUser[];
}

/** Secrets, and what was made just now. */
export interface EnsuredSecrets extends Secrets {
  /** Names of the files this call made. */
  readonly made: readonly string[];
  /** Passwords of the demo users if this call made them: print them, they are kept nowhere else. */
  readonly demoPasswords: readonly { readonly name: string; readonly password: string }[];
}

const files = {
  adminToken: 'admin-token',
  internalTokenKey: 'internal-token-key.json',
  authSigningKey: 'auth-signing-key.json',
  clients: 'clients.json',
  demoUsers: 'demo-users.json',
} as const;

const scopesOfAll = ['orders:read', 'orders:write', 'payments:write', 'users:read'];
const demoPeople = [
  { name: 'alice', scopes: scopesOfAll, roles: ['customer'] },
  { name: 'bob', scopes: ['orders:read', 'users:read'], roles: ['customer'] },
];

const text = z.string().min(1);
const parts = {
  internalTokenKey: z.object({
    kid: z.string().regex(/^[A-Za-z0-9_-]{1,32}$/),
    key: z.base64url().transform((key) => Buffer.from(key, 'base64url')),
  }),
  authSigningKey: z.object({
    kty: z.literal('OKP'),
    crv: z.literal('Ed25519'),
    alg: z.literal('EdDSA'),
    use: z.literal('sig'),
    kid: text,
    x: text,
    d: text,
  }),
  clients: z.array(z.object({ id: text, secret: text, scopes: z.array(text) })).min(1),
  demoUsers: z.array(z.object({ name: text, passwordHash: text, scopes: z.array(text), roles: z.array(text) })),
};

/**
 * Reads the secrets and makes those that are missing: files 0600 in a folder 0700. Of several processes that start at
 * once, all get the same set. Throws when a file cannot be read, written or understood.
 */
export function ensureSecrets(directory: string): EnsuredSecrets {
  ensureSecretFolder(directory);
  const made: string[] = [];
  const makeOnce = (file: string, make: () => string): boolean => {
    const path = join(directory, file);
    const isMade = !existsSync(path) && createOnce(path, make());
    if (isMade) made.push(file);
    return isMade;
  };
  makeOnce(files.adminToken, () => `${randomText(32)}\n`);
  makeOnce(files.internalTokenKey, () => toJson({ kid: randomText(6), key: randomText(32) }));
  makeOnce(files.authSigningKey, () => toJson(newSigningKey()));
  makeOnce(files.clients, () => toJson([{ id: 'tidegate-cli', secret: randomText(32), scopes: scopesOfAll }]));
  const passwords = demoPeople.map(({ name }) => ({ name, password: randomText(12) }));
  const areUsersMade = makeOnce(files.demoUsers, () =>
    toJson(demoPeople.map((person, at) => ({ ...person, passwordHash: hashPassword(passwords[at]?.password ?? '') }))),
  );
  return { ...loadSecrets(directory), made, demoPasswords: areUsersMade ? passwords : [] };
}

/** Reads the secrets of a folder that `ensureSecrets` filled. Throws with the file's name and what to do. */
export function loadSecrets(directory: string): Secrets {
  return {
    directory,
    adminToken: readSecret(directory, files.adminToken, (content) => text.parse(content.trim())),
    internalTokenKey: readSecret(directory, files.internalTokenKey, (content) =>
      parts.internalTokenKey.parse(JSON.parse(content)),
    ),
    authSigningKey: readSecret(directory, files.authSigningKey, (content) =>
      parts.authSigningKey.parse(JSON.parse(content)),
    ),
    clients: readSecret(directory, files.clients, (content) => parts.clients.parse(JSON.parse(content))),
    demoUsers: readSecret(directory, files.demoUsers, (content) => parts.demoUsers.parse(JSON.parse(content))),
  };
}

function newSigningKey(): AuthSigningKey {
  const { x = '', d = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const kid = createHash('sha256').update(x).digest('base64url').slice(0, 16);
  return { kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid, x, d };
}

const randomText = (bytes: number): string => randomBytes(bytes).toString('base64url');

const toJson = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

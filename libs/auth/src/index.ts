export type { ApiKeyRecord, ApiKeyRequest, NewApiKey } from './api-key.js';
export { createApiKeyStore, type ApiKeyPlace, type ApiKeyStore, type ApiKeyStoreOptions } from './api-key-store.js';
export { toServiceFields, type AuthOutcome } from './auth-outcome.js';
export {
  authSchema,
  type ApiKeyProviderConfig,
  type AuthConfig,
  type JwtProviderConfig,
  type KeyConfig,
  type ProviderConfig,
  type TokenSources,
} from './auth-schema.js';
export { createAuthenticator, type Authenticator, type AuthenticatorOptions, type AuthRule } from './authenticator.js';
export { insufficientScope } from './challenges.js';
export { consumersSchema, type ConsumerConfig, type ConsumersConfig, type JwtConsumerMatch } from './consumers-schema.js';
export type { CredentialRequest } from './credential.js';
export { createInternalTokens, type InternalTokenOptions, type InternalTokens } from './internal-tokens.js';
export type { AuthLogger, HealthSink } from './jwks-source.js';
export type { JwtAlgorithm } from './jwt-algorithms.js';
export { hashPassword, verifyPassword } from './password.js';
export { anonymousPrincipal, formatPrincipal, parsePrincipal, type Principal, type PrincipalKind } from './principal.js';
export {
  ensureSecrets,
  loadSecrets,
  type AuthSigningKey,
  type ClientCredential,
  type DemoUser,
  type EnsuredSecrets,
  type InternalTokenKey,
  type Secrets,
} from './secrets.js';

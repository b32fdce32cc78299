export { createInternalTokens, type InternalTokenOptions, type InternalTokens } from './internal-tokens.js';
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

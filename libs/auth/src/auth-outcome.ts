import { cookieName, type Credential } from './credential.js';
import { anonymousPrincipal, type Principal } from './principal.js';

/** Who a request is, and where its credential stood. */
export interface AuthOutcome {
  readonly principal: Principal;
  /** Provider that decided; '' for anonymous. */
  readonly provider: string;
  /** Field the credential stood in; undefined: none, or the query. */
  readonly credentialField: string | undefined;
  /** Cookie it stood in, when the field is `cookie`. */
  readonly credentialCookie: string | undefined;
  /** The query to go on with, when a token had to be taken out of it. */
  readonly query: string | undefined;
}

/** The outcome of a request without a credential. */
export const anonymousOutcome: AuthOutcome = Object.freeze({
  principal: anonymousPrincipal,
  provider: '',
  credentialField: undefined,
  credentialCookie: undefined,
  query: undefined,
});

/** The outcome of a credential that was found good. */
export function toOutcome(principal: Principal, provider: string, { field, cookie }: Credential): AuthOutcome {
  return { principal, provider, credentialField: field, credentialCookie: cookie, query: undefined };
}

/**
 * The fields that go to the service (gateway/Z5): without the credential where the route says so, and where it says
 * nothing, without an API key and with a bearer token. The same array when nothing is taken out.
 * @param keepCredential the route's setting
 */
export function toServiceFields(fields: string[], outcome: AuthOutcome, keepCredential: boolean | undefined): string[] {
  const { principal, credentialField, credentialCookie } = outcome;
  if (credentialField === undefined || (keepCredential ?? principal.kind !== 'api-key')) return fields;
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    const left = name === credentialField ? withoutCookie(value, credentialCookie) : value;
    if (left !== undefined) kept.push(name, left);
  }
  return kept;
}

/** The rest of a Cookie value; undefined when nothing is left, or when the whole field is the credential. */
function withoutCookie(value: string, cookie: string | undefined): string | undefined {
  if (cookie === undefined) return undefined;
  const kept = value.split(';').filter((pair) => cookieName(pair) !== cookie);
  return kept.length === 0 ? undefined : kept.join(';').trim();
}

import type { AuthOutcome } from './auth-outcome.js';
import type { Credential, CredentialRequest } from './credential.js';

/** One way to show who one is. */
export interface Provider {
  readonly name: string;
  /** Scheme of its challenge. */
  readonly scheme: 'Bearer' | 'ApiKey';
  /** Query parameter that may hold its credential and never goes on. */
  readonly queryParameter: string | undefined;
  /** Its credential in a request, good or bad. Throws a 400 fault when there are two. */
  find(request: CredentialRequest): Credential | undefined;
  /** Checks it; throws or rejects with a TokenError when it is not good. Answers without a promise where it can. */
  check(credential: Credential): AuthOutcome | Promise<AuthOutcome>;
  close(): void;
}

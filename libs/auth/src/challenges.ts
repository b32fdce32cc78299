import { Fault } from '@tidegate/fault';
import type { PrincipalKind } from './principal.js';

const realm = 'realm="tidegate"';

/** What a challenge says went wrong (RFC 6750 section 3.1). */
export interface ChallengeError {
  readonly error: 'invalid_request' | 'invalid_token' | 'insufficient_scope';
  /** Printable ASCII without quotes and backslashes. */
  readonly description?: string;
}

/** Value of one WWW-Authenticate field. */
export function formatChallenge(scheme: 'Bearer' | 'ApiKey', problem?: ChallengeError): string {
  const error = problem === undefined ? '' : `, error="${problem.error}"`;
  const description = problem?.description === undefined ? '' : `, error_description="${problem.description}"`;
  return `${scheme} ${realm}${error}${description}`;
}

/** Flat fields, one WWW-Authenticate per challenge. */
export const challengeFields = (challenges: readonly string[]): string[] =>
  challenges.flatMap((challenge) => ['www-authenticate', challenge]);

/** 403 with the challenge that asks for more scopes; for principals whose scopes are all that is missing. */
export function insufficientScope(kind: PrincipalKind): Fault {
  const challenge = formatChallenge(kind === 'api-key' ? 'ApiKey' : 'Bearer', { error: 'insufficient_scope' });
  return new Fault('insufficient-scope', `a ${kind} principal lacks a scope`, { fields: challengeFields([challenge]) });
}

/** 400: more than one credential where one decides. */
export function credentialSentTwice(internal: string): Fault {
  const challenge = formatChallenge('Bearer', {
    error: 'invalid_request',
    description: 'More than one credential was sent',
  });
  return new Fault('invalid-credentials-combination', internal, { fields: challengeFields([challenge]) });
}

/** 503: nothing wrong with the credential, but what it is checked against is not loaded yet. */
export function cannotCheckYet(internal: string, cause?: unknown): Fault {
  return new Fault('internal', internal, {
    status: 503,
    detail: 'Credentials cannot be checked yet; try again.',
    fields: ['retry-after', '1'],
    cause,
  });
}

import { parsePrincipal, type Principal } from '@tidegate/auth';
import type { FastifyRequest } from 'fastify';
import { ProblemError } from './problem-error.js';

/** Who the gateway says is calling (`x-tidegate-principal`, gateway/Z5). Throws 401 when it says nobody. */
export function callerOf(request: FastifyRequest): Pick<Principal, 'kind' | 'id' | 'scopes'> {
  const field = request.headers['x-tidegate-principal'];
  const principal = typeof field === 'string' ? parsePrincipal(field) : undefined;
  if (principal === undefined || principal.kind === 'anonymous') throw new ProblemError(401, 'Unauthorized', 'call this service through the gateway, with a credential');
  return principal;
}

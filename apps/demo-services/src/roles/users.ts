import { z } from 'zod';
import { BoundedMap } from '../bounded-map.js';
import { callerOf } from '../caller.js';
import { parseBody } from '../parse-body.js';
import type { MountRole } from '../role-server.js';

const profilesMax = 10_000;
const profilePatch = z.strictObject({ displayName: z.string().trim().min(1).max(64) });

/** `GET|PATCH /api/users/me`: the caller as the gateway knows it, and the name it chose. */
export function createUsers(): MountRole {
  const names = new BoundedMap<string>(profilesMax);
  return (server) => {
    server.get('/api/users/me', (request) => {
      const { kind, id, scopes } = callerOf(request);
      return { id, kind, scopes, displayName: names.get(id) ?? id };
    });
    server.patch('/api/users/me', (request) => {
      const { kind, id, scopes } = callerOf(request);
      const { displayName } = parseBody(profilePatch, request.body);
      names.set(id, displayName);
      return { id, kind, scopes, displayName };
    });
  };
}

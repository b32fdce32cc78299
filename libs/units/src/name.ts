import { z } from 'zod';

/** Names of policies, limits, routes, services and providers. */
export const namePattern = /^[a-z0-9][a-z0-9_.-]{0,62}$/;

/** Schema of such a name. */
export const name = () =>
  z.string().regex(namePattern, 'expected 1 to 63 of a-z 0-9 _ . - starting with a letter or digit');

import type { z } from 'zod';
import { ProblemError } from './problem-error.js';

/** The body as the schema has it; throws 400 that names every wrong member. */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  const faults = result.error.issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`));
  throw new ProblemError(400, 'Bad request', faults.join('; '));
}

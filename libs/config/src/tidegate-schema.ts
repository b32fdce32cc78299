import { authSchema, consumersSchema } from '@tidegate/auth';
import { eventsSchema } from '@tidegate/event-publisher';
import { drainSchema, listenersSchema, servicesSchema } from '@tidegate/proxy';
import { limiterSchema } from '@tidegate/rate-limit';
import { routesSchema } from '@tidegate/routing';
import { z } from 'zod';
import { analyticsSchema } from './analytics-schema.js';
import { demoSchema, egressSchema, linksSchema, secretsSchema, workersSchema } from './process-schema.js';

/** The parts of `tidegate.yaml`: each schema belongs to the lib that owns the part. `include` is resolved before. */
export const tidegateSchema = z.strictObject({
  version: z.literal(1),
  production: z.boolean().default(false),
  listeners: listenersSchema,
  links: linksSchema.prefault({}),
  secrets: secretsSchema.prefault({}),
  workers: workersSchema.default(1),
  drain: drainSchema,
  auth: authSchema.prefault({}),
  consumers: consumersSchema.prefault({}),
  services: servicesSchema.default({}),
  routes: routesSchema.default([]),
  limiter: limiterSchema.prefault({}),
  events: eventsSchema.prefault({}),
  analytics: analyticsSchema.prefault({}),
  egress: egressSchema.prefault({}),
  demo: demoSchema.optional(),
});

/** A checked configuration with every default filled in, and its version (gateway/K2). */
export type TidegateConfig = Readonly<z.output<typeof tidegateSchema>> & { readonly configVersion: string };

import { z } from 'zod';
import { tidegateSchema } from './tidegate-schema.js';

const substitution = { type: 'string', pattern: String.raw`\$\{` };

/**
 * JSON Schema (2020-12) of `tidegate.yaml`, for editors and for other tools. Numbers and switches may also be written as
 * `${NAME}`. What no schema can say (names that must exist, routes that collide) only `tidegate config check` finds.
 */
export function toJsonSchema(): object {
  const fileSchema = z.strictObject({
    ...tidegateSchema.shape,
    include: z
      .union([z.string(), z.array(z.string())])
      .optional()
      .describe('Files this one is laid over; paths from its own folder'),
  });
  const schema = z.toJSONSchema(fileSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      const { type } = jsonSchema;
      if (type !== 'number' && type !== 'integer' && type !== 'boolean') return;
      const { default: fallback, ...own } = jsonSchema;
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
      Object.assign(jsonSchema, { anyOf: [own, substitution], ...(fallback === undefined ? {} : { default: fallback }) });
    },
  });
  return { ...schema, title: 'tidegate.yaml' };
}

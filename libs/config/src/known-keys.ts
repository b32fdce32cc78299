import type { SourcePath } from './source-tree.js';

/** The part of JSON Schema that says which keys a place has. */
interface KeySchema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, KeySchema>>;
  readonly properties?: Readonly<Record<string, KeySchema>>;
  readonly additionalProperties?: KeySchema | boolean;
  readonly items?: KeySchema | boolean;
  readonly anyOf?: readonly KeySchema[];
  readonly oneOf?: readonly KeySchema[];
  readonly allOf?: readonly KeySchema[];
}

/** All keys that a map at this path may have, in schema order. */
export function knownKeys(root: object, path: SourcePath): string[] {
  const top = root as KeySchema;
  let places = alternatives(top, top);
  for (const step of path) places = places.flatMap((place) => childrenOf(place, step)).flatMap((child) => alternatives(child, top));
  return [...new Set(places.flatMap((place) => Object.keys(place.properties ?? {})))];
}

function alternatives(schema: KeySchema, top: KeySchema): KeySchema[] {
  if (schema.$ref !== undefined) {
    const target = top.$defs?.[schema.$ref.slice('#/$defs/'.length)];
    return target === undefined ? [] : alternatives(target, top);
  }
  const nested = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  return [schema, ...nested.flatMap((one) => alternatives(one, top))];
}

function childrenOf(schema: KeySchema, step: PropertyKey): KeySchema[] {
  const child = typeof step === 'number' ? schema.items : (schema.properties?.[String(step)] ?? schema.additionalProperties);
  return typeof child === 'object' ? [child] : [];
}

import { RE2JS } from 're2js';
import { z } from 'zod';

/** A condition on one header field or one query parameter. */
export interface PredicateConfig {
  /** Header names in lower case, query names decoded. */
  readonly name: string;
  readonly exact?: string;
  readonly regex?: string;
}

/** A condition ready to be asked. */
export interface Predicate {
  readonly name: string;
  /** Undefined: nothing of that name is there. */
  test(value: string | undefined): boolean;
  /** For people: `is exactly "2"`. */
  readonly text: string;
}

/** Schema of a pattern for the linear-time engine; it must match the whole value. */
export const regexPattern = () =>
  z
    .string()
    .min(1)
    .max(1_000)
    .superRefine((pattern, ctx) => {
      try {
        RE2JS.compile(pattern);
      } catch (err) {
        ctx.addIssue({ code: 'custom', message: `this regular expression cannot be used: ${(err as Error).message}` });
      }
    });

const oneOf = z
  .strictObject({
    exact: z.string().max(4_096).optional(),
    present: z.literal(true).optional(),
    regex: regexPattern().optional(),
  })
  .refine((value) => Object.values(value).filter((part) => part !== undefined).length === 1, {
    message: 'expected exactly one of exact, present: true, regex',
  });

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;

/** Schema of `headers:` in a match: name to condition. */
export const headerPredicates = () =>
  z
    .record(z.string().regex(token, 'expected the name of a header field'), oneOf)
    .transform((record) => toList(record, (name) => name.toLowerCase()));

/** Schema of `query:` in a match: parameter to condition. */
export const queryPredicates = () =>
  z.record(z.string().min(1).max(256), oneOf).transform((record) => toList(record, (name) => name));

/** Compiles a condition. */
export function createPredicate({ name, exact, regex }: PredicateConfig): Predicate {
  if (exact !== undefined) return { name, test: (value) => value === exact, text: `is exactly "${exact}"` };
  if (regex === undefined) return { name, test: (value) => value !== undefined, text: 'is present' };
  const pattern = RE2JS.compile(regex);
  return { name, test: (value) => value !== undefined && pattern.testExact(value), text: `matches ${regex}` };
}

/** One string per set of conditions: equal sets give equal strings. */
export function predicatesKey(predicates: readonly PredicateConfig[]): string {
  const keys = predicates.map(({ name, exact, regex }) => JSON.stringify([name, exact ?? null, regex ?? null]));
  return keys.toSorted((a, b) => (a < b ? -1 : Number(a > b))).join();
}

/** All lines of a header field as one value (RFC 9110 section 5.3), or undefined. */
export function combinedFieldValue(fields: readonly string[], name: string): string | undefined {
  let value: string | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) value = value === undefined ? fields[i + 1] : `${value}, ${fields[i + 1]}`;
  }
  return value;
}

/** The first value of a query parameter, decoded, or undefined. `query` with its '?', or ''. */
export function queryValue(query: string, name: string): string | undefined {
  for (let from = 1; from < query.length;) {
    const ampersand = query.indexOf('&', from);
    const end = ampersand < 0 ? query.length : ampersand;
    const equals = query.indexOf('=', from);
    const nameEnd = equals < 0 || equals > end ? end : equals;
    if (decodeFormText(query.slice(from, nameEnd)) === name) return decodeFormText(query.slice(nameEnd + 1, end));
    from = end + 1;
  }
  return undefined;
}

function decodeFormText(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

function toList(record: Record<string, z.infer<typeof oneOf>>, spell: (name: string) => string): PredicateConfig[] {
  return Object.entries(record).map(([name, { exact, regex }]) => ({
    name: spell(name),
    ...(exact === undefined ? {} : { exact }),
    ...(regex === undefined ? {} : { regex }),
  }));
}

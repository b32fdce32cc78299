import { hash } from 'node:crypto';

/** A placeholder `{attribute}` or `{attribute|default}` of a template. */
export interface Placeholder {
  readonly attribute: string;
  /** Encoded value that stands in when the attribute is missing; undefined = it must be there. */
  readonly defaultPart: string | undefined;
}

/** A parsed template: literals[0] placeholders[0] literals[1] ... literals[n]. */
export interface KeyTemplate {
  readonly text: string;
  readonly literals: readonly string[];
  readonly placeholders: readonly Placeholder[];
}

/** A longer part is written as its hash, in bytes (limiter/B9). */
const partBytesMax = 96;
const placeholderPattern = /\{([^{}|]*)(?:\|([^{}|]*))?\}/g;
const attributePattern = /^[A-Za-z0-9_.-]{1,256}$/;
const literalPattern = /^[A-Za-z0-9._~:/,;=@+!$&'()*-]*$/;
const separatorPattern = /[^A-Za-z0-9._~-]/;
const isUnreserved = buildUnreservedTable();

/** Parses a `key` or `subject` template. Returns the problem as text if it is none. */
export function parseKeyTemplate(text: string): KeyTemplate | string {
  const literals: string[] = [];
  const placeholders: Placeholder[] = [];
  let end = 0;
  for (const match of text.matchAll(placeholderPattern)) {
    const attribute = match[1] ?? '';
    if (!attributePattern.test(attribute)) return `"${match[0]}" does not name an attribute, such as {client}`;
    literals.push(text.slice(end, match.index));
    placeholders.push({ attribute, defaultPart: match[2] === undefined ? undefined : encodePart(match[2]) });
    end = match.index + match[0].length;
  }
  literals.push(text.slice(end));
  if (text === '') return 'expected a template such as "{client}"';
  const problem = literals.map((literal, index) => literalProblem(literal, index > 0 && index < placeholders.length));
  return problem.find((found) => found !== undefined) ?? { text, literals, placeholders };
}

function literalProblem(literal: string, isBetween: boolean): string | undefined {
  if (!literalPattern.test(literal)) return `"${literal}" cannot stand in a template: use letters, digits and ._~-:/,;=@+!$&'()*`;
  if (isBetween && !separatorPattern.test(literal)) {
    return 'two placeholders need a separator such as ":" between them, else different values give one key';
  }
  return undefined;
}

/** The rendered template, or undefined if an attribute without default is missing (see `missingAttribute`). */
export function renderTemplate(template: KeyTemplate, attributes: Readonly<Record<string, string>>): string | undefined {
  const { literals, placeholders } = template;
  let rendered = literals[0] ?? '';
  for (let index = 0; index < placeholders.length; index += 1) {
    const placeholder = placeholders[index] as Placeholder;
    const value: unknown = attributes[placeholder.attribute];
    const part = typeof value === 'string' ? encodePart(value) : placeholder.defaultPart;
    if (part === undefined) return undefined;
    rendered += part;
    rendered += literals[index + 1];
  }
  return rendered;
}

/** The first attribute that the template needs and that is not there. */
export function missingAttribute(template: KeyTemplate, attributes: Readonly<Record<string, string>>): string | undefined {
  const missing = template.placeholders.find(
    ({ attribute, defaultPart }) => defaultPart === undefined && typeof attributes[attribute] !== 'string',
  );
  return missing?.attribute;
}

/** Whether `template` contains every placeholder of `subject`, default included (limiter/B9: which tag a limit's keys get). */
export function containsPlaceholders(template: KeyTemplate, subject: KeyTemplate): boolean {
  return subject.placeholders.every(({ attribute, defaultPart }) =>
    template.placeholders.some((own) => own.attribute === attribute && own.defaultPart === defaultPart),
  );
}

/**
 * One value as a part of a key (limiter/B9): `%` if empty, else percent-encoded but for `[A-Za-z0-9._~-]`, and
 * `#` + base64url(SHA-256 of the value) if that is longer than 96 bytes. Injective on well-formed strings.
 */
export function encodePart(value: string): string {
  if (value.length === 0) return '%';
  if (value.length <= partBytesMax && isPlain(value)) return value;
  const bytes = Buffer.from(value, 'utf8');
  if (bytes.length <= partBytesMax) {
    const encoded = percentEncode(bytes);
    if (encoded.length <= partBytesMax) return encoded;
  }
  return `#${hash('sha256', bytes, 'base64url')}`;
}

function isPlain(value: string): boolean {
  for (let index = 0; index < value.length; index += 1) {
    const code = value.charCodeAt(index);
    if (code > 127 || isUnreserved[code] === 0) return false;
  }
  return true;
}

function percentEncode(bytes: Buffer): string {
  let encoded = '';
  for (const byte of bytes) {
    if (byte < 128 && isUnreserved[byte] === 1) encoded += String.fromCharCode(byte);
    else encoded += byte < 16 ? `%0${byte.toString(16).toUpperCase()}` : `%${byte.toString(16).toUpperCase()}`;
  }
  return encoded;
}

function buildUnreservedTable(): Uint8Array {
  const table = new Uint8Array(128);
  for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-') table[char.charCodeAt(0)] = 1;
  return table;
}

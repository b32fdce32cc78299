import { isReservedField } from '../reserved-fields.js';

/** What the server itself does with a field while it reads a head. */
export const fieldKind = {
  plain: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  upgrade: 5,
  expect: 6,
  /** Only Tidegate's own tiers may send it (gateway/H5). */
  reserved: 7,
  /** Holds `_`: a twin of a `-` name to services that speak CGI (gateway/H5). */
  underscored: 8,
} as const;

export type FieldKind = (typeof fieldKind)[keyof typeof fieldKind];

export interface FieldName {
  /** In lower case. */
  readonly name: string;
  readonly kind: FieldKind;
}

const ownKinds: Readonly<Record<string, FieldKind>> = {
  host: fieldKind.host,
  'content-length': fieldKind.contentLength,
  'transfer-encoding': fieldKind.transferEncoding,
  connection: fieldKind.connection,
  upgrade: fieldKind.upgrade,
  expect: fieldKind.expect,
};

// Names repeat from request to request: one look-up replaces lower-casing and a row of comparisons. Bounded, so that
// a client that invents names fills it once and no more.
const known = new Map<string, FieldName>();
const knownMax = 2_000;
const knownLengthMax = 64;

/** A field's name as received, in lower case and with its kind. */
export function toFieldName(received: string): FieldName {
  const found = known.get(received);
  if (found !== undefined) return found;
  const name = received.toLowerCase();
  const classified = { name, kind: kindOf(name) };
  if (known.size < knownMax && received.length <= knownLengthMax) known.set(received, classified);
  return classified;
}

function kindOf(name: string): FieldKind {
  if (name.includes('_')) return fieldKind.underscored;
  if (isReservedField(name)) return fieldKind.reserved;
  return Object.hasOwn(ownKinds, name) ? (ownKinds[name] ?? fieldKind.plain) : fieldKind.plain;
}

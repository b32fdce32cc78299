/** How a listener reads targets; the strict values are the defaults (gateway/R3). */
export interface TargetRules {
  /** `refuse`: %2F in a path is an error. `keep`: it stays %2F, and is no separator. */
  readonly encodedSlash: 'refuse' | 'keep';
  /** True: `//` becomes `/`. False: it is an error. */
  readonly mergeSlashes: boolean;
}

/** The strict rules. */
export const strictTargetRules: TargetRules = { encodedSlash: 'refuse', mergeSlashes: false };

/** A target every stage and the upstream see in this one spelling. */
export interface NormalisedTarget {
  /** Starts with '/'. */
  readonly path: string;
  /** With its '?', or ''. */
  readonly query: string;
}

/** Why a target is refused; public text for a 400. */
export interface TargetProblem {
  readonly problem: string;
}

const forbidden = 0;
const plain = 1;
const escape = 2;
const slash = 3;

/** What a raw byte means in a path. Everything from 0x7F on is forbidden. */
const pathClass = buildPathClass();
/** 1: stands in a query as it is (RFC 3986 section 3.4); everything else is percent-encoded. */
const queryClass = buildQueryClass();

/**
 * Brings an origin-form target (`/path?query`, one UTF-16 unit per byte) to its one spelling (gateway/R3; RFC 3986
 * section 6.2.2): unreserved escapes decoded, hex in upper case, dot segments removed. Idempotent.
 */
export function normaliseTarget(raw: string, rules: TargetRules): NormalisedTarget | TargetProblem {
  if (raw.charCodeAt(0) !== 0x2f) return { problem: 'The path must start with "/".' };
  const mark = raw.indexOf('?');
  const rawPath = mark < 0 ? raw : raw.slice(0, mark);
  const path = normalisePath(rawPath, rules);
  if (typeof path !== 'string') return path;
  if (mark < 0) return { path, query: '' };
  const query = normaliseQuery(raw.slice(mark + 1));
  return typeof query === 'string' ? { path, query: `?${query}` } : query;
}

function normalisePath(raw: string, rules: TargetRules): string | TargetProblem {
  let isPlain = true;
  for (let i = 0; i < raw.length; i += 1) {
    const code = raw.charCodeAt(i);
    const kind = code < 0x7f ? pathClass[code] : forbidden;
    if (kind === plain) continue;
    if (kind === forbidden) return { problem: 'The path holds a character that must be percent-encoded.' };
    // A slash before a slash or a dot, and any escape, take the long way.
    if (kind === escape) isPlain = false;
    else if (isSlashOrDot(raw.charCodeAt(i + 1))) isPlain = false;
  }
  if (isPlain) return raw;
  const decoded = decodePathEscapes(raw, rules);
  if (typeof decoded !== 'string') return decoded;
  const merged = rules.mergeSlashes ? decoded.replaceAll(/\/{2,}/g, '/') : decoded;
  if (merged.includes('//')) return { problem: 'The path holds an empty segment ("//").' };
  return removeDotSegments(merged);
}

function decodePathEscapes(raw: string, rules: TargetRules): string | TargetProblem {
  let out = '';
  let from = 0;
  for (let at = raw.indexOf('%'); at >= 0; at = raw.indexOf('%', at + 3)) {
    const byte = hexByte(raw, at + 1);
    if (byte < 0) return { problem: 'The path holds a broken escape ("%" without two hex digits).' };
    if (byte === 0x2f && rules.encodedSlash === 'refuse') return { problem: 'The path holds an encoded slash (%2F).' };
    if (byte === 0x5c) return { problem: 'The path holds an encoded backslash (%5C).' };
    if (byte === 0) return { problem: 'The path holds an encoded NUL (%00).' };
    out += raw.slice(from, at) + spellByte(byte);
    from = at + 3;
  }
  return out + raw.slice(from);
}

function removeDotSegments(path: string): string | TargetProblem {
  const kept: string[] = [];
  const segments = path.slice(1).split('/');
  for (const [at, segment] of segments.entries()) {
    if (hidesDots(segment)) return { problem: 'The path hides a dot segment behind parameters or encoded slashes.' };
    const isDots = segment === '.' || segment === '..';
    if (segment === '..') kept.pop();
    if (!isDots) kept.push(segment);
    else if (at === segments.length - 1) kept.push('');
  }
  return `/${kept.join('/')}`;
}

/** True for `..;a=1`, `.%3Ba`, `..%2Fa`: no dot segment by the letter, but one to services that decode first or strip parameters. */
function hidesDots(segment: string): boolean {
  if (!segment.includes('.') || segment === '.' || segment === '..') return false;
  for (const piece of segment.split('%2F')) {
    const bare = piece.split(/;|%3B/, 1)[0];
    if (bare === '.' || bare === '..') return true;
  }
  return false;
}

function normaliseQuery(raw: string): string | TargetProblem {
  let out = '';
  let from = 0;
  for (let i = 0; i < raw.length; i += 1) {
    const code = raw.charCodeAt(i);
    if (code < 0x7f && queryClass[code] === plain) continue;
    if (code > 0xff) return { problem: 'The query holds a character that is no byte.' };
    const byte = code === 0x25 ? hexByte(raw, i + 1) : -1;
    out += raw.slice(from, i) + (byte < 0 ? escapeByte(code) : spellByte(byte));
    if (byte >= 0) i += 2;
    from = i + 1;
  }
  return from === 0 ? raw : out + raw.slice(from);
}

/** The byte two hex digits at `at` spell, or -1. */
function hexByte(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at));
  const low = hexDigit(text.charCodeAt(at + 1));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

const spellByte = (byte: number): string => (isUnreserved(byte) ? String.fromCharCode(byte) : escapeByte(byte));

const escapeByte = (byte: number): string => `%${byte < 16 ? '0' : ''}${byte.toString(16).toUpperCase()}`;

function isUnreserved(code: number): boolean {
  if (code >= 0x30 && code <= 0x39) return true;
  const lower = code | 0x20;
  return (lower >= 0x61 && lower <= 0x7a && code < 0x7b) || code === 0x2d || code === 0x2e || code === 0x5f || code === 0x7e;
}

const isSlashOrDot = (code: number): boolean => code === 0x2f || code === 0x2e;

function buildPathClass(): Uint8Array {
  const table = new Uint8Array(0x7f).fill(plain);
  table.fill(forbidden, 0, 0x21);
  for (const char of '"<>\\^`{|}#') table[char.charCodeAt(0)] = forbidden;
  table[0x25] = escape;
  table[0x2f] = slash;
  return table;
}

function buildQueryClass(): Uint8Array {
  const table = new Uint8Array(0x7f);
  for (let code = 0; code < table.length; code += 1) {
    const isAllowed = isUnreserved(code) || "!$&'()*+,;=:@/?".includes(String.fromCharCode(code));
    table[code] = isAllowed ? plain : forbidden;
  }
  return table;
}

import type { TokenSources } from './auth-schema.js';
import { credentialSentTwice } from './challenges.js';

/** The part of a request a credential can stand in. */
export interface CredentialRequest {
  /** Flat: lower-case name, value, ... */
  readonly fields: readonly string[];
  /** With its '?', or ''. */
  readonly query: string;
}

/** A credential and where it stood. */
export interface Credential {
  readonly value: string;
  /** Field it stood in; undefined: in the query. */
  readonly field: string | undefined;
  /** Cookie it stood in, when the field is `cookie`. */
  readonly cookie: string | undefined;
}

/** The bearer token of a request, or undefined. Throws a 400 fault when there are two, in one place or in several. */
export function findBearerToken(sources: TokenSources, request: CredentialRequest): Credential | undefined {
  let found = sources.authorization ? findSchemeCredential(request.fields, 'bearer') : undefined;
  if (sources.header !== undefined) found = onlyOne(found, findFieldCredential(request.fields, sources.header));
  if (sources.cookie !== undefined) found = onlyOne(found, findCookie(request.fields, sources.cookie));
  if (sources.query !== undefined) found = onlyOne(found, findInQuery(request.query, sources.query));
  return found;
}

/** The API key of a request: in its field, or as `Authorization: ApiKey`. Throws a 400 fault when there are two. */
export function findApiKey(header: string, request: CredentialRequest): Credential | undefined {
  return onlyOne(findFieldCredential(request.fields, header), findSchemeCredential(request.fields, 'apikey'));
}

/** One credential out of two places; a fault when both hold one. */
export function onlyOne(first: Credential | undefined, second: Credential | undefined): Credential | undefined {
  if (first !== undefined && second !== undefined) throw credentialSentTwice('the request carries two credentials');
  return first ?? second;
}

/** The query without a parameter; the rest stays byte for byte. */
export function withoutParameter(query: string, name: string): string {
  if (query === '') return query;
  const kept = query
    .slice(1)
    .split('&')
    .filter((pair) => parameterName(pair) !== name);
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}

/** `scheme` in lower case. Two Authorization fields are a fault whatever their schemes. */
function findSchemeCredential(fields: readonly string[], scheme: string): Credential | undefined {
  const value = singleValue(fields, 'authorization');
  if (value === undefined) return undefined;
  const blank = value.indexOf(' ');
  const named = blank < 0 ? value : value.slice(0, blank);
  if (named.length !== scheme.length || named.toLowerCase() !== scheme) return undefined;
  return { value: blank < 0 ? '' : value.slice(blank + 1).trim(), field: 'authorization', cookie: undefined };
}

function findFieldCredential(fields: readonly string[], field: string): Credential | undefined {
  const value = singleValue(fields, field);
  return value === undefined ? undefined : { value: value.trim(), field, cookie: undefined };
}

function singleValue(fields: readonly string[], name: string): string | undefined {
  let value: string | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== name) continue;
    if (value !== undefined) throw credentialSentTwice(`the request carries two ${name} fields`);
    value = fields[i + 1] ?? '';
  }
  return value;
}

function findCookie(fields: readonly string[], cookie: string): Credential | undefined {
  let found: Credential | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'cookie') continue;
    for (const pair of (fields[i + 1] ?? '').split(';')) {
      if (cookieName(pair) === cookie)
        found = onlyOne(found, { value: unquote(pair.slice(pair.indexOf('=') + 1).trim()), field: 'cookie', cookie });
    }
  }
  return found;
}

/** Name of a cookie pair; '' when it has none. */
export function cookieName(pair: string): string {
  const equals = pair.indexOf('=');
  return equals < 0 ? '' : pair.slice(0, equals).trim();
}

const unquote = (text: string): string =>
  text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;

function findInQuery(query: string, name: string): Credential | undefined {
  if (!query.includes('=')) return undefined;
  let found: Credential | undefined;
  for (const pair of query.slice(1).split('&')) {
    if (parameterName(pair) !== name) continue;
    const equals = pair.indexOf('=');
    found = onlyOne(found, { value: decode(equals < 0 ? '' : pair.slice(equals + 1)), field: undefined, cookie: undefined });
  }
  return found;
}

function parameterName(pair: string): string {
  const equals = pair.indexOf('=');
  return decode(equals < 0 ? pair : pair.slice(0, equals));
}

function decode(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

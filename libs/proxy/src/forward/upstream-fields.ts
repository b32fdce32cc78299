import { fieldValue, type Fields, type RequestBody } from '@tidegate/pipeline';
import { isReservedField } from '../reserved-fields.js';
import { flattenFields, type ParsedFields } from './response-framing.js';

/** Names that frame, route or describe a whole message: never in a trailer section (RFC 9110 section 6.5.1). */
const neverTrailers = new Set([
  'authorization', 'cache-control', 'content-encoding', 'content-length', 'content-range', 'content-type', 'expires', 'host',
  'set-cookie', 'te', 'via', 'www-authenticate',
]);

const hopByHop = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer',
  'transfer-encoding', 'upgrade', 'http2-settings',
]);

const isHopByHop = (name: string): boolean => hopByHop.has(name);

/** Fields a gateway adds: who names them in Connection does not remove them (gateway/H3). */
const added = new Set(['forwarded', 'traceparent', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-request-id']);

/** Framing is undici's, Expect is answered by the gateway, Host is the upstream's or set by the caller. */
const setByUndici = new Set(['host', 'content-length', 'expect']);

/**
 * Fields of a request for the next hop, in one pass: hop-by-hop ones dropped (gateway/H3), and what undici or the caller
 * writes itself.
 * @param keepsReserved false: of the reserved fields only `x-tidegate-principal` passes (gateway/H5)
 */
export function toRequestFields(fields: readonly string[], body: RequestBody, keepsReserved: boolean): Fields {
  const nominated = nominatedBy(fields);
  const kept: Fields = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    if (setByUndici.has(name)) continue;
    if (isReservedField(name)) {
      if (keepsReserved || name === 'x-tidegate-principal') kept.push(name, fields[i + 1] ?? '');
    } else if (!isHopByHop(name) && (nominated?.includes(name) !== true || added.has(name))) kept.push(name, fields[i + 1] ?? '');
  }
  if (body.bytesAnnounced !== null && (body.stream !== null || announcesNothing(fields))) {
    kept.push('content-length', String(body.bytesAnnounced));
  }
  if (wantsTrailers(fields)) kept.push('te', 'trailers');
  return kept;
}

/** The client understands trailers (RFC 9110 section 10.1.4). */
export function wantsTrailers(fields: readonly string[]): boolean {
  const te = fieldValue(fields, 'te');
  return te !== undefined && te.split(',').some((coding) => coding.trim().toLowerCase() === 'trailers');
}

/** A request without a body said so by `Content-Length: 0`. */
function announcesNothing(fields: readonly string[]): boolean {
  return fields.includes('content-length');
}

/** Fields of an answer for the next hop: hop-by-hop ones dropped, reserved ones too unless they are kept. */
export function toResponseFields(parsed: ParsedFields, keepsReserved: boolean): Fields {
  const nominated = nominatedByOne(parsed['connection']);
  return flattenFields(
    parsed,
    (name) => isHopByHop(name) || (!keepsReserved && isReservedField(name)) || nominated?.includes(name) === true,
  );
}

/** Trailers that may pass; undefined when there are none. */
export function toTrailers(parsed: ParsedFields): Fields | undefined {
  const trailers = flattenFields(parsed, (name) => isHopByHop(name) || isReservedField(name) || neverTrailers.has(name));
  return trailers.length === 0 ? undefined : trailers;
}

function nominatedBy(fields: readonly string[]): string[] | undefined {
  let names: string[] | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === 'connection') names = [...(names ?? []), ...(nominatedByOne(fields[i + 1]) ?? [])];
  }
  return names;
}

function nominatedByOne(value: string | string[] | undefined): string[] | undefined {
  if (value === undefined || value === 'keep-alive' || value === 'close') return undefined;
  const text = typeof value === 'string' ? value : value.join(',');
  return text.split(',').map((name) => name.trim().toLowerCase());
}

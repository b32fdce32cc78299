import { fieldValue, type Fields, type RequestBody } from '@tidegate/pipeline';
import { isReservedField, reservedFields } from '../reserved-fields.js';
import { flattenFields, type ParsedFields } from './response-framing.js';

/** What becomes of a field at the next hop. */
const fate = {
  pass: 0,
  /** Speaks of one connection (gateway/H3), or is written by undici, the gateway or the caller: framing, Expect, Host. */
  drop: 1,
  /** Tidegate's own (gateway/H5). */
  reserved: 2,
  /** Of the reserved ones the service gets this. */
  principal: 3,
  connection: 4,
  te: 5,
  /** A gateway adds it: who names it in Connection does not remove it (gateway/H3). */
  added: 6,
  contentLength: 7,
} as const;

const fates = new Map<string, number>([
  // `Proxy` would reach a service that speaks CGI as HTTP_PROXY.
  ...['expect', 'host', 'http2-settings', 'keep-alive', 'proxy', 'trailer', 'transfer-encoding', 'upgrade'].map((name) => [name, fate.drop] as const),
  ...['forwarded', 'traceparent', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-request-id'].map(
    (name) => [name, fate.added] as const,
  ),
  [reservedFields.principal, fate.principal],
  ['connection', fate.connection],
  ['content-length', fate.contentLength],
  ['te', fate.te],
]);
// Names repeat from request to request. Bounded: a peer that invents names fills it once and no more.
const fatesMax = 2_000;

function fateOf(name: string): number {
  const known = fates.get(name);
  if (known !== undefined) return known;
  const found = unlistedFateOf(name);
  if (fates.size < fatesMax && name.length <= 64) fates.set(name, found);
  return found;
}

function unlistedFateOf(name: string): number {
  if (isReservedField(name)) return fate.reserved;
  return name.startsWith('proxy-') ? fate.drop : fate.pass;
}

/** Names that frame, route or describe a whole message: never in a trailer section (RFC 9110 section 6.5.1). */
const neverTrailers = new Set([
  'authorization', 'cache-control', 'content-encoding', 'content-length', 'content-range', 'content-type', 'expires', 'host',
  'set-cookie', 'te', 'via', 'www-authenticate',
]);

/** Fields of a request for the next hop. */
export interface RequestFieldsToSend {
  readonly fields: Fields;
  /** The client understands trailers (gateway/H8). */
  readonly isTrailersWanted: boolean;
}

/**
 * Fields of a request for the next hop, in one pass: hop-by-hop ones dropped (gateway/H3), and what undici or the caller
 * writes itself.
 * @param keepsReserved false: of the reserved fields only `x-tidegate-principal` passes (gateway/H5)
 */
export function toRequestFields(received: readonly string[], body: RequestBody, keepsReserved: boolean): RequestFieldsToSend {
  const fields: Fields = [];
  let nominated: string[] | undefined;
  let isTrailersWanted = false;
  let hasLength = false;
  for (let i = 0; i < received.length; i += 2) {
    const name = received[i] as string;
    const value = received[i + 1] as string;
    const its = fateOf(name);
    if (its === fate.pass || its === fate.added || its === fate.principal) fields.push(name, value);
    else if (its === fate.reserved) {
      if (keepsReserved) fields.push(name, value);
    } else if (its === fate.connection) nominated = addNominated(nominated, value);
    else if (its === fate.te) isTrailersWanted ||= namesTrailers(value);
    else if (its === fate.contentLength) hasLength = true;
  }
  const kept = nominated === undefined ? fields : withoutNominated(fields, nominated);
  if (body.bytesAnnounced !== null && (hasLength || body.stream !== null)) kept.push('content-length', String(body.bytesAnnounced));
  if (isTrailersWanted) kept.push('te', 'trailers');
  return { fields: kept, isTrailersWanted };
}

/** Fields of an answer for the next hop: hop-by-hop ones dropped, reserved ones too unless they are kept. */
export function toResponseFields(parsed: ParsedFields, keepsReserved: boolean): Fields {
  const connection = parsed['connection'];
  const nominated = connection === undefined ? undefined : addNominated(undefined, String(connection));
  const fields = flattenFields(parsed, keepsReserved ? isHopByHop : isHopByHopOrReserved);
  return nominated === undefined ? fields : withoutNominated(fields, nominated);
}

/** Trailers that may pass; undefined when there are none. */
export function toTrailers(parsed: ParsedFields): Fields | undefined {
  const trailers = flattenFields(parsed, (name) => isHopByHopOrReserved(name) || neverTrailers.has(name));
  return trailers.length === 0 ? undefined : trailers;
}

function isHopByHop(name: string): boolean {
  const its = fateOf(name);
  return its === fate.connection || its === fate.te || (its === fate.drop && name !== 'expect' && name !== 'host');
}

function isHopByHopOrReserved(name: string): boolean {
  const its = fateOf(name);
  return its === fate.reserved || its === fate.principal || isHopByHop(name);
}

/** The names a Connection field lists, behind those found before; undefined as long as there are none. */
function addNominated(found: string[] | undefined, value: string): string[] | undefined {
  if (value === 'keep-alive' || value === 'close' || value === '') return found;
  return [...(found ?? []), ...value.split(',').map((name) => name.trim().toLowerCase())];
}

function withoutNominated(fields: Fields, nominated: readonly string[]): Fields {
  const kept: Fields = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (fateOf(name) !== fate.pass || !nominated.includes(name)) kept.push(name, fields[i + 1] as string);
  }
  return kept;
}

/** A message's sender understands trailers. */
export function wantsTrailers(fields: readonly string[]): boolean {
  const te = fieldValue(fields, 'te');
  return te !== undefined && namesTrailers(te);
}

/** `TE: trailers` (RFC 9110 section 10.1.4). */
function namesTrailers(te: string): boolean {
  return te.split(',').some((coding) => coding.trim().toLowerCase() === 'trailers');
}

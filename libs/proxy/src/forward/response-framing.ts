import type { Fields } from '@tidegate/pipeline';

/** Fields of a message as undici hands them over: lower-case names, lists where a name came more than once. */
export type ParsedFields = NodeJS.Dict<string | string[]>;

/** How an answer's body ends (RFC 9112 section 6.3). */
export type BodyFraming = 'none' | 'length' | 'chunked' | 'close-delimited' | 'unknown-coding';

/** How the body of an answer is framed; a transfer coding that is not exactly `chunked` is unknown (gateway/H2). */
export function toBodyFraming(fields: ParsedFields, status: number, method: string): BodyFraming {
  const coding = fields['transfer-encoding'];
  if (coding !== undefined) {
    const isChunked = typeof coding === 'string' && coding.toLowerCase() === 'chunked';
    if (!isChunked || fields['content-length'] !== undefined) return 'unknown-coding';
  }
  if (method === 'HEAD' || status === 204 || status === 304) return 'none';
  if (coding !== undefined) return 'chunked';
  return fields['content-length'] === undefined ? 'close-delimited' : 'length';
}

/** Flat fields from parsed ones, without those whose name is dropped; one pass, values untouched. */
export function flattenFields(parsed: ParsedFields, isDropped: (name: string) => boolean): Fields {
  const fields: Fields = [];
  for (const name in parsed) {
    if (isDropped(name)) continue;
    const value = parsed[name];
    if (typeof value === 'string') fields.push(name, value);
    else for (const one of value ?? []) fields.push(name, one);
  }
  return fields;
}

const fnvOffset = 0x811c9dc5;
const fnvPrime = 0x01000193;

/**
 * What kind of client this looks like: FNV-1a over the names and order of its fields and over User-Agent, in 8 hex
 * digits. Fields that differ from request to request of one client or are added on the way stay out.
 */
export function headerFingerprint(fields: readonly string[]): string {
  let hash = fnvOffset;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    if (isVolatile(name)) continue;
    hash = mix(hash, name);
    if (name === 'user-agent') hash = mix(hash, fields[i + 1] ?? '');
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}

function mix(start: number, text: string): number {
  let hash = start;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), fnvPrime);
  return Math.imul(hash ^ 0x1f, fnvPrime);
}

function isVolatile(name: string): boolean {
  switch (name) {
    case 'cookie':
    case 'content-length':
    case 'content-type':
    case 'if-none-match':
    case 'if-modified-since':
    case 'range':
    case 'referer':
    case 'traceparent':
    case 'tracestate':
    case 'via':
    case 'x-request-id':
    case 'forwarded':
      return true;
    default:
      return name.startsWith('x-forwarded-');
  }
}

/** How a principal showed who it is. */
export type PrincipalKind = 'anonymous' | 'jwt' | 'api-key';

/** Who a request is. Values are parsed; nothing here is secret. */
export interface Principal {
  readonly kind: PrincipalKind;
  /** Subject of the token, id of the key; '' for anonymous. */
  readonly id: string;
  /** Name of the known client it belongs to. */
  readonly consumer?: string;
  readonly plan?: string;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Nobody in particular. */
export const anonymousPrincipal: Principal = Object.freeze({ kind: 'anonymous', id: '', scopes: [], roles: [], claims: {} });

/**
 * Value of `x-tidegate-principal` (gateway/Z5): an RFC 9651 item such as `jwt;id="alice";scopes="orders:read"`.
 * Text outside printable ASCII becomes a display string, so no value can break out of the field.
 */
export function formatPrincipal(principal: Principal): string {
  const known = formatted.get(principal);
  if (known !== undefined) return known;
  const { kind, id, scopes } = principal;
  const parts =
    kind === 'anonymous'
      ? ''
      : `;id=${formatText(id)}${scopes.length === 0 ? '' : `;scopes=${formatText(scopes.join(' '))}`}`;
  formatted.set(principal, kind + parts);
  return kind + parts;
}

/** One principal serves many requests. */
const formatted = new WeakMap<Principal, string>();

/** The parts of `x-tidegate-principal`, or undefined if it is none. */
export function parsePrincipal(value: string): Pick<Principal, 'kind' | 'id' | 'scopes'> | undefined {
  if (value === 'anonymous') return { kind: 'anonymous', id: '', scopes: [] };
  const match = /^(jwt|api-key);id=(%?"(?:[^"\\]|\\.)*")(?:;scopes=(%?"(?:[^"\\]|\\.)*"))?$/.exec(value);
  if (match === null) return undefined;
  const scopes = match[3] === undefined ? '' : parseText(match[3]);
  return {
    kind: match[1] === 'jwt' ? 'jwt' : 'api-key',
    id: parseText(match[2] ?? ''),
    scopes: scopes === '' ? [] : scopes.split(' '),
  };
}

function formatText(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  const bytes = Buffer.from(text, 'utf8');
  let out = '';
  for (const byte of bytes) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25 && byte !== 0x22 && byte !== 0x5c;
    out += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`;
  }
  return `%"${out}"`;
}

function parseText(text: string): string {
  if (!text.startsWith('%')) return text.slice(1, -1).replaceAll(/\\(.)/g, '$1');
  const latin1 = text
    .slice(2, -1)
    .replaceAll(/%([0-9a-f]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(latin1, 'latin1').toString('utf8');
}

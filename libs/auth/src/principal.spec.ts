import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anonymousPrincipal, formatPrincipal, parsePrincipal, type Principal } from './index.js';

const principal = (part: Partial<Principal>): Principal => ({ ...anonymousPrincipal, kind: 'jwt', ...part });

describe('gateway/Z5 x-tidegate-principal', () => {
  it('gateway/Z5: carries kind, id and scopes', () => {
    expect(formatPrincipal(principal({ id: 'alice', scopes: ['orders:read', 'x'] }))).toBe(
      'jwt;id="alice";scopes="orders:read x"',
    );
    expect(formatPrincipal(principal({ kind: 'api-key', id: 'k_1' }))).toBe('api-key;id="k_1"');
    expect(formatPrincipal(anonymousPrincipal)).toBe('anonymous');
  });

  it('gateway/Z5: no id can break out of the field, and every id comes back', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('a";scopes="admin', 'x\r\nevil: 1', 'ü%"\\')),
        fc.array(fc.stringMatching(/^[!#-[\]-~]{1,8}$/)),
        (id, scopes) => {
          const value = formatPrincipal(principal({ id, scopes }));
          expect(value).toMatch(/^[\x20-\x7e]*$/);
          expect(parsePrincipal(value)).toEqual({ kind: 'jwt', id: id.toWellFormed(), scopes });
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('gateway/Z5: reads nothing into other text', () => {
    for (const value of ['', 'jwt', 'root;id="a"', 'jwt;id="a";scopes="x";more', 'jwt;id=a', 'jwt;id="a"b"'])
      expect(parsePrincipal(value)).toBeUndefined();
  });
});

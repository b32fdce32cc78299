import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasDuplicateMembers } from './json-members.js';

describe('gateway/A1 duplicate members', () => {
  it('gateway/A1: text that JSON.stringify wrote has none', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.boolean(), (value, isSpaced) => {
        expect(hasDuplicateMembers(JSON.stringify(value, undefined, isSpaced ? 2 : 0))).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('gateway/A1: a member written twice is found wherever it stands and however it is spelled', () => {
    const escapeUnit = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    const spell = (name: string, isEscaped: boolean) =>
      isEscaped ? `"${name.split('').map(escapeUnit).join('')}"` : JSON.stringify(name);
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { minKeys: 1 }),
        fc.nat(),
        fc.boolean(),
        fc.boolean(),
        (...[members, at, isEscaped, isInside]) => {
          const names = Object.keys(members);
          const twice = names[at % names.length] ?? '';
          const written = [
            ...Object.entries(members).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`),
            `${spell(twice, isEscaped)}:1`,
          ];
          const object = `{${written.join(' , ')}}`;
          expect(hasDuplicateMembers(isInside ? `{"a":[1,{"b":${object}}]}` : object)).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('gateway/A1: quotes and brackets inside of text count for nothing', () => {
    expect(hasDuplicateMembers(String.raw`{"a":"{\"b\":1,\"b\":2}","b":["a","a","\\"],"c":{"a":1},"d":{"a":1}}`)).toBe(
      false,
    );
  });
});

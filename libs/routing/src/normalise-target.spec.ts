import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normaliseTarget, strictTargetRules, type TargetRules } from './normalise-target.js';

const lenient: TargetRules = { encodedSlash: 'keep', mergeSlashes: true };
const spelled = (raw: string, rules: TargetRules = strictTargetRules): string => {
  const target = normaliseTarget(raw, rules);
  return 'problem' in target ? 'refused' : target.path + target.query;
};

describe('gateway/R3 path', () => {
  it.each([
    ['/', '/'],
    ['/api/products', '/api/products'],
    ['/%61pi/%7euser', '/api/~user'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/%2e%2E/b', '/b'],
    ['/../../a', '/a'],
    ['/a/..', '/'],
    ['/a/b/.', '/a/b/'],
    ['/.well-known/jwks.json', '/.well-known/jwks.json'],
    ['/a...b/..c/c..', '/a...b/..c/c..'],
    ['/a;v=1/b', '/a;v=1/b'],
    ["/a,b:c@d!$&'()*+=", "/a,b:c@d!$&'()*+="],
    ['/a%252e%252e/b', '/a%252e%252e/b'],
    ['/a?', '/a?'],
  ])('gateway/R3: %s becomes %s', (raw, expected) => {
    expect(spelled(raw)).toBe(expected);
  });

  it.each<string[]>([
    ['bytes above 0x7E', '/caf\xe9'],
    ['DEL', '/a\x7f'],
    ['controls', '/a\x01b'],
    ['TAB', '/a\tb'],
    ['space', '/a b'],
    ...'"<>\\^`{|}#'.split('').map((char) => [`raw ${char}`, `/a${char}b`]),
    ['a broken escape', '/a%zz'],
    ['an escape cut short', '/a%4'],
    ['a lone %', '/a%'],
    ['%2F', '/a%2fb'],
    ['%5C', '/a%5cb'],
    ['%00', '/a%00'],
    ['//', '/a//b'],
    ['// at the start', '//a'],
    ['// made by a dot segment', '/a/.//b'],
    ['.. with parameters', '/a/..;x=1/b'],
    ['. with parameters', '/a/.;/b'],
    ['encoded .. with parameters', '/a/%2e%2e;x/b'],
    ['.. with an encoded semicolon', '/a/..%3bx/b'],
    ['no leading slash', 'a'],
    ['nothing', ''],
  ])('gateway/R3: refuses %s', (_what, raw = '') => {
    expect(spelled(raw)).toBe('refused');
  });

  it('gateway/R3: keeps %2F only where the listener says so, and never a dot segment beside it', () => {
    expect(spelled('/a%2fb', lenient)).toBe('/a%2Fb');
    expect(spelled('/a/..%2fb', lenient)).toBe('refused');
    expect(spelled('/a/x%2f..%2fb', lenient)).toBe('refused');
    expect(spelled('/a/%2e%2e%2fb', lenient)).toBe('refused');
    expect(spelled('/a%5cb', lenient)).toBe('refused');
  });

  it('gateway/R3: merges slashes only where the listener says so', () => {
    expect(spelled('//a///b/', lenient)).toBe('/a/b/');
    expect(spelled('/a/b//../c', lenient)).toBe('/a/c');
  });
});

describe('gateway/R3 query', () => {
  it.each([
    ['/s?a=1&b=%41', '/s?a=1&b=A'],
    ['/s?q=100%', '/s?q=100%25'],
    ['/s?q=%zz', '/s?q=%25zz'],
    ['/s?q=%%41', '/s?q=%25A'],
    ['/s?q=a b"<>\\^`{|}#[]', '/s?q=a%20b%22%3C%3E%5C%5E%60%7B%7C%7D%23%5B%5D'],
    ['/s?q=caf\xe9', '/s?q=caf%E9'],
    ['/s?q=\x00\x7f', '/s?q=%00%7F'],
    ['/s?q=%2f../%2e', '/s?q=%2F../.'],
    ['/s?a//b?c=/../', '/s?a//b?c=/../'],
  ])('gateway/R3: %s becomes %s', (raw, expected) => {
    expect(spelled(raw)).toBe(expected);
  });
});

/** Text that is rich in everything the rules speak of. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '/',
        '.',
        '..',
        ';',
        '%',
        '%2e',
        '%2E',
        '%2f',
        '%5c',
        '%3B',
        '%00',
        '%41',
        '%7E',
        '//',
        '?',
        '#',
        'a',
        'B',
        '~',
        '%25',
        '2e',
        '%c3%A9',
        '+',
        '&',
        '=',
        '{',
        ' ',
        '\xe9',
      ),
      fc.string({ unit: 'binary-ascii', maxLength: 3 }),
    ),
    { maxLength: 16 },
  )
  .map((parts) => `/${parts.join('')}`);
const anyRules = fc.record({
  encodedSlash: fc.constantFrom('keep' as const, 'refuse' as const),
  mergeSlashes: fc.boolean(),
});

describe('gateway/R3 for any bytes', () => {
  const check = (property: (raw: string, rules: TargetRules) => void) =>
    fc.assert(fc.property(hostileText, anyRules, property), { numRuns: 5_000 });

  it('gateway/R3: normalising is idempotent', () => {
    check((raw, rules) => {
      const once = spelled(raw, rules);
      fc.pre(once !== 'refused');
      expect(spelled(once, rules)).toBe(once);
    });
  });

  it('gateway/R3: what passes holds no dot segment, no empty segment, no decodable escape and only RFC 3986 characters', () => {
    check((raw, rules) => {
      const target = normaliseTarget(raw, rules);
      if ('problem' in target) return;
      expect(target.path).toMatch(/^\/(?:[!-~](?<![\\"<>^`{|}#?]))*$/);
      expect(target.query).toMatch(/^(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2})*)?$/);
      expect(target.path).not.toContain('//');
      expect(target.path.split(/\/|%2F/).map((segment) => segment.split(/;|%3B/)[0])).not.toSatisfy((segments: string[]) =>
        segments.some((bare) => bare === '.' || bare === '..'),
      );
      expect(target.path + target.query).not.toMatch(/%(?:2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])/);
      expect(target.path).not.toMatch(/%(?![0-9A-F]{2})|%00|%5C/);
    });
  });

  it('gateway/R3: no other spelling of a path gets another string', () => {
    const segment = fc
      .string({ unit: fc.constantFrom(...'abcXYZ019-._~'.split('')), minLength: 1, maxLength: 6 })
      .filter((text) => !/^\.{1,2}$/.test(text));
    const respell = (path: string, choices: readonly number[]) =>
      path
        .split('')
        .map((char, at) => {
          const choice = choices[at % choices.length] ?? 0;
          const hex = char.charCodeAt(0).toString(16);
          if (char === '/') return choice % 3 === 1 ? '/./' : choice % 3 === 2 ? '/x/%2e./' : '/';
          return choice % 3 === 1 ? `%${hex}` : choice % 3 === 2 ? `%${hex.toUpperCase()}` : char;
        })
        .join('');
    fc.assert(
      fc.property(
        fc.array(segment, { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(5), { minLength: 1, maxLength: 20 }),
        (segments, choices) => {
          const path = `/${segments.join('/')}`;
          expect(spelled(respell(path, choices))).toBe(path);
        },
      ),
    );
  });

  it('gateway/R3: never throws and never hangs on 8 KiB of anything', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('/..', '/%2e', '%25', '/;', '//', '/a/..', '%', '..%3b', '\xff'),
        anyRules,
        (unit, rules) => {
          expect(typeof spelled(`/${unit.repeat(8_192 / unit.length)}`, rules)).toBe('string');
          expect(typeof spelled(`/?${unit.repeat(8_192 / unit.length)}`, rules)).toBe('string');
        },
      ),
    );
  });
});

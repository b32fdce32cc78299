import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePart, parseKeyTemplate, renderTemplate, type KeyTemplate } from './key-template.js';

const parse = (text: string): KeyTemplate => {
  const template = parseKeyTemplate(text);
  if (typeof template === 'string') throw new Error(template);
  return template;
};
const wellFormed = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((text) => text.isWellFormed());
const hostile = fc.oneof(wellFormed, fc.string({ unit: fc.constantFrom(':', '/', '{', '}', '%', '#', '|', '\0', 'a', 'A', '~', 'ä', '', '3A'), maxLength: 8 }));

describe('encodePart', () => {
  it.each([
    ['plain-Value_1.~', 'plain-Value_1.~'],
    ['', '%'],
    ['%', '%25'],
    ['#', '%23'],
    ['a:b/c{d}e|f', 'a%3Ab%2Fc%7Bd%7De%7Cf'],
    ['\0', '%00'],
    ['é', '%C3%A9'],
    ['e\u0301', 'e%CC%81'],
  ])('limiter/B9: %j is written %s', (value, expected) => {
    expect(encodePart(value)).toBe(expected);
  });

  it('limiter/B9: a part of 96 bytes stays, one of 97 becomes # and its hash; so does one that is longer only when encoded', () => {
    expect(encodePart('x'.repeat(96))).toBe('x'.repeat(96));
    expect(encodePart('x'.repeat(97))).toMatch(/^#[A-Za-z0-9_-]{43}$/);
    expect(encodePart(':'.repeat(32))).toBe('%3A'.repeat(32));
    expect(encodePart(':'.repeat(33))).toMatch(/^#[A-Za-z0-9_-]{43}$/);
  });

  it('limiter/B9: no value can imitate a separator, a hash or an empty part', () => {
    fc.assert(fc.property(hostile, (value) => /^(?:%|#[\w-]{43}|(?:[\w.~-]|%[0-9A-F]{2})+)$/.test(encodePart(value)) && (value === '' || encodePart(value) !== '%')));
  });

  it('limiter/B9: different values never share a part', () => {
    fc.assert(fc.property(hostile, hostile, (a, b) => (a === b) === (encodePart(a) === encodePart(b))), { numRuns: 20_000 });
  });
});

describe('templates', () => {
  it('limiter/B9: text moved between two fields gives another key', () => {
    const template = parse('{a}:x{b}');
    fc.assert(
      fc.property(fc.tuple(hostile, hostile), fc.tuple(hostile, hostile), ([a, b], [c, d]) => {
        const isSame = a === c && b === d;
        expect(renderTemplate(template, { a, b }) === renderTemplate(template, { a: c, b: d })).toBe(isSame);
      }),
      { numRuns: 20_000 },
    );
    expect(renderTemplate(template, { a: 'xy', b: 'z' })).not.toBe(renderTemplate(template, { a: 'x', b: 'yz' }));
    expect(renderTemplate(template, { a: 'x:xy', b: 'z' })).not.toBe(renderTemplate(template, { a: 'x', b: 'y:xz' }));
  });

  it('limiter/B9: an attribute may have a default; one that is empty is not missing', () => {
    const template = parse('{tenant}:{user|anonymous}');
    expect(renderTemplate(template, { tenant: 't', user: 'u' })).toBe('t:u');
    expect(renderTemplate(template, { tenant: 't' })).toBe('t:anonymous');
    expect(renderTemplate(template, { tenant: 't', user: '' })).toBe('t:%');
    expect(renderTemplate(template, { user: 'u' })).toBeUndefined();
  });

  it('what every object inherits is not an attribute', () => {
    expect(renderTemplate(parse('{constructor}'), {})).toBeUndefined();
    expect(renderTemplate(parse('{__proto__|none}'), {})).toBe('none');
  });

  it.each([
    ['', 'expected a template'],
    ['{}', 'does not name an attribute'],
    ['{a}{b}', 'need a separator'],
    ['{a}x{b}', 'need a separator'],
    ['{a', 'cannot stand in a template'],
    ['a}', 'cannot stand in a template'],
    ['{a}%{b}', 'cannot stand in a template'],
    ['{a}#', 'cannot stand in a template'],
    ['{a} {b}', 'cannot stand in a template'],
    ['{a|b|c}', 'cannot stand in a template'],
  ])('limiter/G1: refuses %j', (text, problem) => {
    expect(parseKeyTemplate(text)).toContain(problem);
  });
});

import { describe, expect, it } from 'vitest';
import { appendVia, countVia } from './via.js';

describe('gateway/H4: loops', () => {
  it('counts our entries over all Via fields, whatever their version and comment', () => {
    const fields = ['via', '1.0 fred, 1.1 tidegate-ingress (x), 1.1 Tidegate-Ingress', 'x', '1.1 tidegate-ingress', 'via', 'HTTP/2.0\ttidegate-ingress'];
    expect(countVia(fields, 'tidegate-ingress')).toBe(3);
    expect(countVia(fields, 'tidegate')).toBe(0);
  });
  it('adds ours behind the others', () => {
    const fields = ['via', '1.0 fred'];
    appendVia(fields, '1.1', 'tidegate-ingress');
    expect(fields).toEqual(['via', '1.0 fred', 'via', '1.1 tidegate-ingress']);
  });
});

import { describe, expect, it } from 'vitest';
import { faultCodes, faultTable } from './fault-table.js';
import { Fault, toFault, toProblem } from './index.js';

describe('gateway/H13: the fault table', () => {
  it.each(faultCodes)('%s has a client or server error status, a gRPC status and public texts', (code) => {
    const row = faultTable[code];
    expect(row.status).toBeGreaterThanOrEqual(400);
    expect(row.status).toBeLessThan(600);
    expect(row.grpcStatus).toBeGreaterThan(0);
    expect(row.grpcStatus).toBeLessThanOrEqual(16);
    expect(row.title).not.toBe('');
    expect(row.detail).toMatch(/\.$/);
  });
});

describe('toProblem', () => {
  it('gateway/H13: shows code, title, status, public detail and request id, and nothing internal', () => {
    const fault = new Fault('upstream-unreachable', 'connect ECONNREFUSED 10.1.2.3:7002', { cause: new Error('secret') });
    const problem = toProblem(fault, 'req-1');
    expect(problem).toEqual({
      type: 'urn:problem-type:tidegate:upstream-unreachable',
      title: 'Upstream unreachable',
      status: 502,
      detail: 'The upstream could not be reached.',
      requestId: 'req-1',
    });
  });

  it('lets a fault choose type, status, detail and more members', () => {
    const fault = new Fault('temporary-reduced-capacity', 'store down', {
      status: 503,
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      members: { 'violated-policies': ['burst'] },
      detail: 'Wait.',
    });
    expect(toProblem(fault, 'r')).toMatchObject({ status: 503, detail: 'Wait.', 'violated-policies': ['burst'] });
    expect(fault.status).toBe(503);
  });
});

describe('toFault', () => {
  it('keeps a fault, and turns anything else into internal with its cause', () => {
    const fault = new Fault('not-found', 'x');
    expect(toFault(fault)).toBe(fault);
    const cause = new TypeError('boom');
    expect(toFault(cause)).toMatchObject({ code: 'internal', message: 'boom', cause });
    expect(toFault('text')).toMatchObject({ code: 'internal', message: 'text' });
  });
});

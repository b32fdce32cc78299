import { describe, expect, it } from 'vitest';
import { counter, createRegistry, formatTraceparent, HealthState, maskSecrets, newTraceId, parseTraceparent } from './index.js';
import { createLogger } from './logger.js';

describe('maskSecrets', () => {
  it.each([
    ['key tg_live_abcdefghijklmnop in a text', 'key tg_live_*** in a text'],
    ['Authorization: Bearer eyJhbGciOi.eyJzdWIi.c2ln', 'Authorization: Bearer ***'],
    ['token eyJhbGciOi.eyJzdWIi.c2ln', 'token eyJ***'],
    ['redis://user:hunter2@host:6379', 'redis://user:***@host:6379'],
    [`x v1.k1.ingress-1.1700000000.${'a'.repeat(43)}`, 'x v1.***'],
  ])('%s', (text, masked) => {
    expect(maskSecrets(text)).toBe(masked);
  });

  it('reaches the error lines of a logger, causes included', () => {
    const lines: string[] = [];
    const logger = createLogger({ app: 'a', instance: 'i', level: 'info', destination: { write: (line) => void lines.push(line) } });
    logger.error({ err: new Error('bad tg_live_abcdefghijkl', { cause: new Error('Bearer abcdefghij') }) }, 'failed');
    expect(lines.join('')).not.toMatch(/abcdefghij/);
  });
});

describe('HealthState', () => {
  it('is not ready before anything was checked, nor while one check fails, and says why', () => {
    const health = new HealthState();
    expect(health.isReady).toBe(false);
    health.set('listener', true);
    health.set('jwks', false, 'connection refused');
    expect(health.toReport()).toEqual({
      ready: false,
      checks: [{ name: 'jwks', ok: false, reason: 'connection refused' }, { name: 'listener', ok: true }],
    });
    health.set('jwks', true, 'stale reason');
    expect(health.isReady).toBe(true);
  });
});

describe('trace context', () => {
  it.each([
    undefined,
    '',
    '00-00000000000000000000000000000000-0123456789abcdef-01',
    '00-0123456789abcdef0123456789abcdef-0000000000000000-01',
    'ff-0123456789abcdef0123456789abcdef-0123456789abcdef-01',
    '00-0123456789ABCDEF0123456789abcdef-0123456789abcdef-01',
    '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01-more',
  ])('starts anew on %s', (value) => {
    expect(parseTraceparent(value)).toBeUndefined();
  });

  it('reads what it writes, and later versions with more members', () => {
    const traceId = newTraceId();
    expect(parseTraceparent(formatTraceparent(traceId, '0123456789abcdef', true))).toEqual({ traceId, parentId: '0123456789abcdef', isSampled: true });
    expect(parseTraceparent(`01-${traceId}-0123456789abcdef-00-x`)).toEqual({ traceId, parentId: '0123456789abcdef', isSampled: false });
  });
});

describe('metrics', () => {
  it('apps of one process share a metric by name', () => {
    const registry = createRegistry();
    const options = { name: 'tidegate_x_total', help: 'x' };
    expect(counter(registry, options)).toBe(counter(registry, options));
  });
});

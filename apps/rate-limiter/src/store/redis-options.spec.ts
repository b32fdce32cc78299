import { describe, expect, it } from 'vitest';
import { toRedisOptions } from './redis-options.js';

describe('toRedisOptions', () => {
  it.each([
    ['redis://host', { host: 'host', port: 6_379 }],
    ['redis://user:p%40ss@host:7000/3', { host: 'host', port: 7_000, username: 'user', password: 'p@ss', db: 3 }],
    ['redis://:secret@[::1]:7000', { host: '::1', port: 7_000, password: 'secret' }],
    ['rediss://host', { host: 'host', tls: {} }],
  ])('takes %s', (url, expected) => {
    expect(toRedisOptions({ mode: 'single', url })).toMatchObject(expected);
  });

  it('takes several Sentinels and the name of the master', () => {
    expect(toRedisOptions({ mode: 'sentinel', url: 'redis+sentinel://:secret@a:26380,b/main/2' })).toMatchObject({
      sentinels: [{ host: 'a', port: 26_380 }, { host: 'b', port: 26_379 }],
      name: 'main',
      password: 'secret',
      db: 2,
    });
    expect(() => toRedisOptions({ mode: 'sentinel', url: 'redis+sentinel://a' })).toThrow('expected redis+sentinel://');
  });

  it('limiter/F3: never sends anything twice', () => {
    expect(toRedisOptions({ mode: 'single', url: 'redis://host' })).toMatchObject({ enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 });
  });
});

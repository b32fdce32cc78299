import { describe, expect, it } from 'vitest';
import { checkAuthorization, requireRuleSchema, type AuthorizationSubject, type RequireRule } from './require-rule.js';

const isAuthorized = (rule: RequireRule, who: AuthorizationSubject): boolean => checkAuthorization(rule, who) === 'authorized';

const subject = (part: Partial<AuthorizationSubject>): AuthorizationSubject => ({
  scopes: [],
  roles: [],
  claims: {},
  ...part,
});

describe('gateway/Z1 authorize', () => {
  const orders = requireRuleSchema.parse({ any: [{ scopes: ['orders:read'] }, { scopes: ['orders:write'] }] });

  it('gateway/Z1: any takes one of its parts', () => {
    expect(isAuthorized(orders, subject({ scopes: ['orders:write'] }))).toBe(true);
    expect(isAuthorized(orders, subject({ scopes: ['orders'] }))).toBe(false);
  });

  it('gateway/Z1: names are compared whole, never as substrings', () => {
    for (const scope of ['orders:readx', 'xorders:read', 'orders:read ', 'ORDERS:READ', 'orders:read orders:write'])
      expect(isAuthorized(orders, subject({ scopes: [scope] }))).toBe(false);
  });

  it('gateway/Z1: every part of a rule must hold', () => {
    const rule = requireRuleSchema.parse({ scopes: ['a', 'b'], roles: ['admin'], claims: { org: 'x', level: 3 } });
    const all = { scopes: ['b', 'a'], roles: ['admin'], claims: { org: ['y', 'x'], level: 3 } };
    expect(isAuthorized(rule, subject(all))).toBe(true);
    expect(isAuthorized(rule, subject({ ...all, scopes: ['a'] }))).toBe(false);
    expect(isAuthorized(rule, subject({ ...all, roles: ['administrator'] }))).toBe(false);
    expect(isAuthorized(rule, subject({ ...all, claims: { org: 'x', level: '3' } }))).toBe(false);
    expect(isAuthorized(rule, subject({ ...all, claims: { org: 'xy', level: 3 } }))).toBe(false);
  });

  it('gateway/Z1: all and any nest, and stand beside other parts', () => {
    const rule = requireRuleSchema.parse({
      roles: ['staff'],
      all: [{ scopes: ['a'] }, { any: [{ scopes: ['b'] }, { claims: { vip: true } }] }],
    });
    expect(isAuthorized(rule, subject({ roles: ['staff'], scopes: ['a'], claims: { vip: true } }))).toBe(true);
    expect(isAuthorized(rule, subject({ roles: ['staff'], scopes: ['a'], claims: { vip: 'true' } }))).toBe(false);
    expect(isAuthorized(rule, subject({ scopes: ['a', 'b'] }))).toBe(false);
  });

  it('gateway/Z1: a claim name with a slash in front is a JSON pointer, and inherited members are no claims', () => {
    const rule = requireRuleSchema.parse({ claims: { '/realm_access/roles': 'ops' } });
    expect(isAuthorized(rule, subject({ claims: { realm_access: { roles: ['ops'] } } }))).toBe(true);
    expect(isAuthorized(rule, subject({ claims: { '/realm_access/roles': 'ops' } }))).toBe(false);
    expect(isAuthorized({ claims: { '/__proto__/x': 1 } }, subject({}))).toBe(false);
  });

  it('gateway/Z1: tells a missing scope from everything else', () => {
    const rule = requireRuleSchema.parse({ scopes: ['a'], roles: ['admin'] });
    expect(checkAuthorization(rule, subject({ roles: ['admin'] }))).toBe('insufficient-scope');
    expect(checkAuthorization(rule, subject({ scopes: ['a'] }))).toBe('forbidden');
    expect(checkAuthorization(rule, subject({ scopes: ['a'], roles: ['admin'] }))).toBe('authorized');
  });
});

import { describe, expect, it } from 'vitest';
import { compileRoutes, routesSchema } from './index.js';

const parse = (route: object) =>
  routesSchema.safeParse([{ name: 'r', service: 's', match: { path: { exact: '/' } }, ...route }]);
const complaints = (route: object): string[] =>
  parse(route).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe('routesSchema', () => {
  it('fills in the defaults', () => {
    expect(parse({}).data?.[0]).toEqual({
      name: 'r',
      service: 's',
      match: { hosts: [], path: { kind: 'exact', value: '/' }, methods: [], headers: [], query: [] },
      bodyBytesMax: 10_485_760,
      timeoutMs: undefined,
      stream: false,
      onLimiterFailure: 'local',
      headers: true,
    });
  });

  it('gives events a bounded template', () => {
    const paths = [{ exact: '/a' }, { template: '/a/{id}' }, { prefix: '/a/' }, { prefix: '/' }, { regex: '/x+' }];
    const routes = compileRoutes(
      routesSchema.parse(paths.map((path, at) => ({ name: `r${at}`, service: 's', match: { path } }))),
    );
    expect(routes.routes.map(({ template }) => template)).toEqual(['/a', '/a/{id}', '/a/*', '/*', '~/x+']);
  });

  it.each<[string, object, string]>([
    ['no path', { match: {} }, '0.match.path'],
    ['two kinds of path', { match: { path: { exact: '/', prefix: '/' } } }, 'exactly one of exact, template, prefix, regex'],
    ['a path that requests never have', { match: { path: { exact: '/a/../b' } } }, '"/b"'],
    ['a lower-case escape', { match: { path: { prefix: '/caf%c3%a9' } } }, '"/caf%C3%A9"'],
    ['a query in a path', { match: { path: { exact: '/a?b' } } }, 'without a query'],
    ['half a segment as parameter', { match: { path: { template: '/v{n}' } } }, 'whole segment'],
    ['a rest in the middle', { match: { path: { template: '/{r...}/a' } } }, 'must be the last segment'],
    ['a parameter twice', { match: { path: { template: '/{a}/{a}' } } }, 'stands twice'],
    ['a regex beyond the engine', { match: { path: { regex: '(a)\\1' } } }, 'regular expression'],
    ['a host in upper case', { match: { hosts: ['API.example.com'], path: { exact: '/' } } }, 'in lower case'],
    ['a host with a port', { match: { hosts: ['a:80'], path: { exact: '/' } } }, 'without a port'],
    ['a method in lower case', { match: { methods: ['get'], path: { exact: '/' } } }, 'in upper case'],
    ['CONNECT', { match: { methods: ['CONNECT'], path: { exact: '/' } } }, 'never routed'],
    [
      'a condition with two kinds',
      { match: { path: { exact: '/' }, headers: { a: { exact: '1', present: true } } } },
      'exactly one of',
    ],
    ['a requirement without providers', { require: { scopes: ['a'] } }, 'auth.providers'],
    ['an empty requirement', { auth: { providers: ['p'] }, require: {} }, 'at least one of'],
    ['cors, which is not built', { cors: {} }, 'cors'],
    ['weights, which are not built', { services: [] }, 'services'],
    ['rewrite, which is not built', { rewrite: {} }, 'rewrite'],
    ['a size without a unit', { maxBodyBytes: '10' }, 'size'],
  ])('refuses %s', (_what, route, complaint) => {
    expect(complaints(route).join('\n')).toContain(complaint);
  });

  it('tells every mistake at once, also routes twice beside routes with mistakes of their own', () => {
    const twice = { name: 'a', service: 's', match: { path: { exact: '/' } } };
    const issues = routesSchema.safeParse([
      twice,
      { name: 7 },
      { ...twice, match: { path: { exact: '/x' }, methods: ['get'] } },
      twice,
    ]).error?.issues;
    const places = new Set(issues?.map(({ path }) => path.join('.')));
    expect([...places].sort()).toEqual(['1.match', '1.name', '1.service', '2.match.methods.0', '3.match', '3.name']);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileRoutes, explainRoute, matchRoute, routesSchema, type RoutableHead } from './index.js';
import { findRouteProblems } from './route-problems.js';

const table = (...routes: object[]) =>
  compileRoutes(routesSchema.parse(routes.map((route, at) => ({ name: `r${at}`, service: 's', ...route }))));

/** `GET https://host/path?query`, or `GET /path`. */
function head(line: string, fields: string[] = []): RoutableHead {
  const match = /^(\S+) (?:https?:\/\/([^/]*))?([^?]*)(\?.*)?$/.exec(line);
  return { method: match?.[1] ?? '', authority: match?.[2] ?? '', path: match?.[3] ?? '', query: match?.[4] ?? '', fields };
}

function route(routes: ReturnType<typeof table>, line: string, fields: string[] = []): string {
  const result = matchRoute(routes, head(line, fields));
  if (result === undefined) return '404';
  return 'allow' in result ? `405 ${result.allow.join(' ')}` : result.route.name;
}

describe('gateway/R1 match', () => {
  it('gateway/R1: an exact path matches itself only', () => {
    const routes = table({ match: { path: { exact: '/a' } } });
    expect(['/a', '/a/', '/ab', '/a/b', '/', '/A'].map((path) => route(routes, `GET ${path}`))).toEqual([
      'r0',
      '404',
      '404',
      '404',
      '404',
      '404',
    ]);
  });

  it('gateway/R1: a prefix matches whole segments', () => {
    const routes = table({ match: { path: { prefix: '/api/v1/' } } });
    expect(['/api/v1', '/api/v1/', '/api/v1/x/y', '/api/v10', '/api'].map((path) => route(routes, `GET ${path}`))).toEqual([
      'r0',
      'r0',
      'r0',
      '404',
      '404',
    ]);
    expect(route(table({ match: { path: { prefix: '/' } } }), 'GET /any/thing')).toBe('r0');
  });

  it('gateway/R1: a template takes whole, non-empty segments, and the rest at its end', () => {
    const routes = table({ match: { path: { template: '/u/{id}/f/{path...}' } } });
    const found = matchRoute(routes, head('GET /u/7%2B/f/a/b%20c/'));
    expect(found).toMatchObject({ params: { id: '7%2B', path: 'a/b%20c/' } });
    expect(matchRoute(routes, head('GET /u/7/f/'))).toMatchObject({ params: { id: '7', path: '' } });
    expect(['/u//f/x', '/u/7/f', '/u/7', '/u/7/g/x'].map((path) => route(routes, `GET ${path}`))).toEqual([
      '404',
      '404',
      '404',
      '404',
    ]);
  });

  it('gateway/R1: a regex matches the whole path in linear time', () => {
    const routes = table({ match: { path: { regex: '/v[0-9]+/(a+)+' } } });
    expect(route(routes, 'GET /v12/aaa')).toBe('r0');
    expect(route(routes, 'GET /x/v12/aaa')).toBe('404');
    expect(route(routes, `GET /v1/${'a'.repeat(5_000)}b`)).toBe('404');
  });

  it('gateway/R1: hosts compare without port and final dot; *.suffix takes one or more labels', () => {
    const routes = table(
      { match: { hosts: ['api.example.com'], path: { prefix: '/' } } },
      { match: { hosts: ['*.example.com'], path: { prefix: '/' } } },
    );
    const hosts = [
      'api.example.com',
      'api.example.com:8443',
      'api.example.com.',
      'x.api.example.com',
      'example.com',
      '.example.com',
      'api.example.com.evil.org',
      '',
    ];
    expect(hosts.map((host) => route(routes, `GET https://${host}/`))).toEqual([
      'r0',
      'r0',
      'r0',
      'r1',
      '404',
      '404',
      '404',
      '404',
    ]);
  });

  it('gateway/R1: an IPv6 host keeps its brackets', () => {
    const routes = table({ match: { hosts: ['[::1]'], path: { prefix: '/' } } });
    expect(route(routes, 'GET http://[::1]:8080/')).toBe('r0');
  });

  it('gateway/R1: header conditions see the combined value; names in any case', () => {
    const routes = table({
      match: {
        path: { prefix: '/' },
        headers: { 'X-Version': { exact: '2' }, 'x-a': { present: true }, 'x-b': { regex: 'b+' } },
      },
    });
    expect(route(routes, 'GET /', ['x-version', '2', 'x-a', '', 'x-b', 'bb'])).toBe('r0');
    expect(route(routes, 'GET /', ['x-version', '2', 'x-version', '3', 'x-a', '', 'x-b', 'bb'])).toBe('404');
    expect(route(routes, 'GET /', ['x-version', '2', 'x-b', 'bb'])).toBe('404');
    expect(route(routes, 'GET /', ['x-version', '2', 'x-a', '', 'x-b', 'bba'])).toBe('404');
  });

  it('gateway/R1: query conditions compare the first value, decoded, so that no spelling talks past them', () => {
    const routes = table({ match: { path: { prefix: '/' }, query: { 'a b': { exact: 'x/y' }, flag: { present: true } } } });
    expect(route(routes, 'GET /?flag&a+b=x/y')).toBe('r0');
    expect(route(routes, 'GET /?a%20b=x%2Fy&flag=0')).toBe('r0');
    expect(route(routes, 'GET /?a%20b=z&a%20b=x/y&flag')).toBe('404');
    expect(route(routes, 'GET /?xflag&a+b=x/y')).toBe('404');
  });
});

describe('gateway/R2 precedence', () => {
  const first = (routes: object[], line: string, fields: string[] = []) => {
    const forward = table(...routes.map((match, at) => ({ name: `n${at}`, match })));
    const backward = table(...routes.map((match, at) => ({ name: `n${at}`, match })).toReversed());
    const name = route(forward, line, fields);
    expect(route(backward, line, fields)).toBe(name);
    return name;
  };

  it.each<[string, object[], string, string[]]>([
    [
      'an exact host beats a suffix with a better path',
      [
        { hosts: ['a.b.c'], path: { prefix: '/' } },
        { hosts: ['*.b.c'], path: { exact: '/x' } },
      ],
      'GET https://a.b.c/x',
      [],
    ],
    [
      'a longer suffix beats a shorter one',
      [
        { hosts: ['*.b.c'], path: { prefix: '/' } },
        { hosts: ['*.c'], path: { exact: '/x' } },
      ],
      'GET https://a.b.c/x',
      [],
    ],
    [
      'any suffix beats no host',
      [{ hosts: ['*.c'], path: { regex: '/x' } }, { path: { exact: '/x' } }],
      'GET https://a.b.c/x',
      [],
    ],
    ['exact path beats template', [{ path: { exact: '/x' } }, { path: { template: '/{a}' } }], 'GET /x', []],
    ['template beats prefix', [{ path: { template: '/{a...}' } }, { path: { prefix: '/x/y' } }], 'GET /x/y', []],
    ['prefix beats regex', [{ path: { prefix: '/' } }, { path: { regex: '/x/y/z' } }], 'GET /x/y/z', []],
    ['literals from the left', [{ path: { template: '/a/{x}' } }, { path: { template: '/{y}/b' } }], 'GET /a/b', []],
    [
      'literals further right when the left is equal',
      [{ path: { template: '/{x}/b/{z}' } }, { path: { template: '/{x}/{y}/c' } }],
      'GET /a/b/c',
      [],
    ],
    [
      'a parameter beats the rest',
      [{ path: { template: '/a/{x}/{y}' } }, { path: { template: '/a/{r...}' } }],
      'GET /a/b/c',
      [],
    ],
    ['the longest prefix', [{ path: { prefix: '/a/b' } }, { path: { prefix: '/a' } }], 'GET /a/b/c', []],
    [
      'a method match',
      [
        { path: { exact: '/x' }, methods: ['GET'] },
        { path: { exact: '/x' }, headers: { h: { present: true } } },
      ],
      'GET /x',
      ['h', '1'],
    ],
    [
      'HEAD named beats HEAD by GET',
      [
        { path: { exact: '/x' }, methods: ['HEAD'] },
        { path: { exact: '/x' }, methods: ['GET'] },
      ],
      'HEAD /x',
      [],
    ],
    [
      'HEAD by GET beats no methods',
      [{ path: { exact: '/x' }, methods: ['GET'] }, { path: { exact: '/x' } }],
      'HEAD /x',
      [],
    ],
    [
      'more headers',
      [
        { path: { exact: '/x' }, headers: { a: { present: true }, b: { present: true } } },
        { path: { exact: '/x' }, headers: { a: { exact: '1' } }, query: { q: { present: true } } },
      ],
      'GET /x?q',
      ['a', '1', 'b', ''],
    ],
    [
      'more query conditions',
      [
        { path: { exact: '/x' }, query: { a: { present: true }, b: { present: true } } },
        { path: { exact: '/x' }, query: { a: { exact: '1' } } },
      ],
      'GET /x?a=1&b',
      [],
    ],
    [
      'a less specific route where the specific one lacks a condition',
      [{ path: { prefix: '/' } }, { path: { exact: '/x' }, methods: ['POST'] }],
      'GET /x',
      [],
    ],
    [
      'a less specific host where the specific one lacks the path',
      [{ path: { prefix: '/' } }, { hosts: ['a.b'], path: { exact: '/y' } }],
      'GET https://a.b/x',
      [],
    ],
    ['backtracking out of a literal', [{ path: { template: '/{x}/c' } }, { path: { template: '/a/b' } }], 'GET /a/c', []],
  ])('gateway/R2: %s', (...[, routes, line, fields]) => {
    expect(first(routes, line, fields)).toBe('n0');
  });

  it('gateway/R2: the earlier in the file where nothing else decides', () => {
    const routes = table({ match: { path: { regex: '/a.*' } } }, { match: { path: { regex: '/.*b' } } });
    expect(route(routes, 'GET /ab')).toBe('r0');
    expect(route(routes, 'GET /cb')).toBe('r1');
  });

  it('gateway/R2: among regexes a method match goes before the place in the file', () => {
    const routes = table({ match: { path: { regex: '/a.*' } } }, { match: { path: { regex: '/.*b' }, methods: ['GET'] } });
    expect(route(routes, 'GET /ab')).toBe('r1');
    expect(route(routes, 'POST /ab')).toBe('r0');
  });
});

describe('gateway/R4 answers', () => {
  it('gateway/R4: HEAD where GET is, 405 with every method of the path, 404 else', () => {
    const routes = table(
      { match: { path: { exact: '/x' }, methods: ['GET'] } },
      { match: { path: { prefix: '/x' }, methods: ['POST', 'PUT'] } },
      { match: { path: { regex: '/x' }, methods: ['PATCH'] } },
    );
    expect(route(routes, 'HEAD /x')).toBe('r0');
    expect(route(routes, 'DELETE /x')).toBe('405 GET HEAD PATCH POST PUT');
    expect(route(routes, 'DELETE /x/y')).toBe('405 POST PUT');
    expect(route(routes, 'DELETE /y')).toBe('404');
  });

  it('gateway/R4: a path whose method is taken but whose condition fails is 404', () => {
    const routes = table({ match: { path: { exact: '/x' }, methods: ['GET'], headers: { a: { present: true } } } });
    expect(route(routes, 'GET /x')).toBe('404');
    expect(route(routes, 'POST /x')).toBe('405 GET HEAD');
  });
});

describe('the index', () => {
  const segment = fc.constantFrom('a', 'b', 'c');
  const path = fc.oneof(
    fc.array(segment, { maxLength: 3 }).map((parts) => ({ exact: `/${parts.join('/')}` })),
    fc.array(segment, { maxLength: 3 }).map((parts) => ({ prefix: `/${parts.join('/')}` })),
    fc
      .tuple(fc.array(fc.oneof(segment, fc.constant('{}')), { minLength: 1, maxLength: 3 }), fc.boolean())
      .map(([parts, hasRest]) => ({
        template: `/${[...parts.map((part, at) => (part === '{}' ? `{p${at}}` : part)), ...(hasRest ? ['{rest...}'] : [])].join('/')}`,
      })),
    fc.constantFrom({ regex: '/a.*' }, { regex: '/[ab]/.*' }, { regex: '.*c' }),
  );
  const conditions = fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom({ exact: '1' }, { present: true }), {
    maxKeys: 2,
  });
  const match = fc.record(
    {
      path,
      hosts: fc.uniqueArray(fc.constantFrom('a.t', 'b.a.t', '*.t', '*.a.t'), { minLength: 1, maxLength: 2 }),
      methods: fc.uniqueArray(fc.constantFrom('GET', 'HEAD', 'POST'), { minLength: 1 }),
      headers: conditions,
      query: conditions,
    },
    { requiredKeys: ['path'] },
  );
  const request = fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT'),
    authority: fc.constantFrom('', 'a.t', 'b.a.t:80', 'c.a.t', 't', 'z'),
    path: fc.array(fc.oneof(segment, fc.constant('')), { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`),
    query: fc.constantFrom('', '?x=1', '?x=2&y', '?y=1&x=1'),
    fields: fc.constantFrom([], ['x', '1'], ['x', '2', 'y', ''], ['x', '1', 'y', '1']),
  });

  it('gateway/R2: the index finds what going through all routes one by one finds', () => {
    fc.assert(
      fc.property(
        fc.array(match, { maxLength: 12 }),
        fc.array(request, { minLength: 1, maxLength: 10 }),
        (matches, requests) => {
          const all = routesSchema.safeParse(matches.map((each, at) => ({ name: `r${at}`, service: 's', match: each })));
          fc.pre(all.success);
          const routes = compileRoutes(all.data ?? []);
          for (const each of requests) {
            const result = matchRoute(routes, each);
            const model = explainRoute(routes, each);
            expect(result !== undefined && 'route' in result ? result.route.name : undefined).toBe(model.winner);
            const refused =
              model.candidates.length > 0 && model.candidates.every(({ failed }) => (failed[0] ?? '').startsWith('method '));
            expect(result !== undefined && 'allow' in result).toBe(refused);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('gateway/R2 problems', () => {
  const problems = (...routes: object[]) => {
    const parsed = routesSchema.safeParse(routes.map((each) => ({ service: 's', ...each })));
    return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
  };

  it('gateway/R2: names the earlier route of one nothing separates', () => {
    expect(
      problems(
        { name: 'a', match: { path: { template: '/{x}' }, methods: ['GET', 'POST'] } },
        { name: 'b', match: { path: { template: '/{y}' }, methods: ['POST'] } },
      ),
    ).toEqual([
      '1.match nothing separates this route from "a" (routes.0): same host, path, methods and conditions; change one or remove it',
    ]);
  });

  it('gateway/R2: one host of several is enough', () => {
    expect(
      problems(
        { name: 'a', match: { hosts: ['x.y'], path: { exact: '/' } } },
        { name: 'b', match: { hosts: ['z.y', 'x.y'], path: { exact: '/' } } },
      ),
    ).toHaveLength(1);
  });

  it('gateway/R2: conditions in another order are the same conditions', () => {
    const headers = { a: { present: true }, b: { exact: '1' } };
    expect(
      problems(
        { name: 'a', match: { path: { exact: '/' }, headers } },
        { name: 'b', match: { path: { exact: '/' }, headers: { b: { exact: '1' }, a: { present: true } } } },
      ),
    ).toHaveLength(1);
  });

  it('gateway/R2: accepts routes a method, a header, a query parameter or a host separates', () => {
    const path = { exact: '/' };
    expect(
      problems(
        { name: 'a', match: { path } },
        { name: 'b', match: { path, methods: ['GET'] } },
        { name: 'c', match: { path, methods: ['GET', 'POST'] } },
        { name: 'd', match: { path, headers: { x: { present: true } } } },
        { name: 'e', match: { path, query: { x: { present: true } } } },
        { name: 'f', match: { path, hosts: ['a.b'] } },
      ),
    ).toEqual([]);
  });

  it('gateway/R2: a name stands once', () => {
    expect(
      problems({ name: 'a', match: { path: { exact: '/' } } }, { name: 'a', match: { path: { exact: '/x' } } }),
    ).toEqual(['1.name route name "a" is taken by routes.0']);
  });

  it('finds them among 10,000 routes', () => {
    const routes = routesSchema.parse(
      Array.from({ length: 10_000 }, (_, at) => ({ name: `r${at}`, service: 's', match: { path: { exact: `/${at}` } } })),
    );
    expect(findRouteProblems([...routes, ...routes.slice(0, 1)])).toHaveLength(2);
  });
});

describe('explainRoute', () => {
  it('names the candidates in order, what fails, and why the winner won', () => {
    const routes = table(
      { name: 'all', match: { path: { prefix: '/' } } },
      { name: 'orders', match: { path: { prefix: '/api/orders' } } },
      { name: 'post', match: { path: { exact: '/api/orders' }, methods: ['POST'] } },
      { name: 'other', match: { path: { exact: '/else' } } },
    );
    expect(explainRoute(routes, head('GET https://h/api/orders'))).toEqual({
      candidates: [
        {
          route: 'post',
          position: 2,
          match: 'any host, exact /api/orders, methods POST',
          failed: ['method GET is none of POST'],
          behindBy: '',
        },
        {
          route: 'orders',
          position: 1,
          match: 'any host, prefix /api/orders',
          failed: [],
          behindBy: 'exact path before template before prefix before regex',
        },
        { route: 'all', position: 0, match: 'any host, prefix /', failed: [], behindBy: 'longer prefix' },
      ],
      winner: 'orders',
      params: {},
      why: '"orders" comes before "all": longer prefix; more specific, but they do not match: post',
    });
  });

  it('says what a path without a route gets', () => {
    expect(explainRoute(table({ match: { path: { exact: '/a' }, methods: ['GET'] } }), head('PUT /a'))).toMatchObject({
      allow: ['GET', 'HEAD'],
      candidates: [{ failed: ['method PUT is none of GET, HEAD'] }],
    });
    expect(explainRoute(table(), head('GET /a'))).toEqual({
      candidates: [],
      params: {},
      why: 'no route has this host and path',
    });
  });
});

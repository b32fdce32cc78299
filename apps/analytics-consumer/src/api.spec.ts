import { createSampleProducer, sampleRequestEvent } from '@tidegate/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminToken, AnalyticsFixture, newId } from './fixture.spec-support.js';
import type { ClientDetail, EventPage, ReplayReport, Summary, TopPage } from './index.js';

describe('analytics API over HTTP on a real DuckDB file', () => {
  const analytics = new AnalyticsFixture();
  const producer = createSampleProducer('P1');
  const minutesAgo = (minutes: number): number => analytics.clock.nowMs() - minutes * 60_000;
  const denial = { status: 429, faultCode: 'quota-exceeded', decisionReason: 2, durationUs: 300 };

  beforeAll(async () => {
    await analytics.start();
    const events = [
      ...Array.from({ length: 60 }, (_, at) => sampleRequestEvent(newId(), minutesAgo(5), { durationUs: (at + 1) * 1_000 })),
      ...Array.from({ length: 20 }, () => sampleRequestEvent(newId(), minutesAgo(5), denial)),
      ...Array.from({ length: 10 }, () => sampleRequestEvent(newId(), minutesAgo(3), { route: 'orders', service: 'orders', status: 502, faultCode: 'upstream-unreachable', principal: 'jwt:alice', policy: 'users', boundLimit: 'daily' })),
      ...[1, 2, 3, 5, 5, 6].map((line) => sampleRequestEvent(newId(), minutesAgo(1), { route: 'site', requestId: `replay-run-1-${line}`, principal: '=cmd|calc', policy: '' })),
      sampleRequestEvent(newId(), minutesAgo(1), { route: 'site', requestId: 'replay-run-1-b-9', policy: '' }),
      sampleRequestEvent(newId(), minutesAgo(60 * 24 * 2), { route: 'old' }),
    ];
    await analytics.running.accept(producer.batch(events), 0);
    await analytics.running.accept(
      producer.batch([
        {
          id: newId(),
          atUs: minutesAgo(2) * 1_000,
          app: 'egress-gateway',
          instance: 'e1',
          configVersion: 'c1',
          kind: { $case: 'breakerChange', value: { service: 'orders', upstream: '', from: 'closed', to: 'open', cause: 'errors' } },
        },
      ]),
      0,
    );
    await analytics.restart();
  });
  afterAll(() => analytics.end());

  it('analytics/Q1: sums up a span: totals, statuses, classes and latency quantiles', async () => {
    const summary = await analytics.get<Summary>('/v1/summary?from=now-10m');
    expect(summary.totals).toMatchObject({ requests: 97, denied: 20, errors: 10 });
    expect(summary.statuses).toEqual({ 200: 67, 429: 20, 502: 10 });
    expect(summary.classes).toEqual({ '2xx': 67, '4xx': 20, '5xx': 10 });
    const one = await analytics.get<Summary>('/v1/summary?route=product&status=2xx');
    expect(one.totals.requests).toBe(60);
    expect(Math.abs((one.latencyMs.p50 ?? 0) / 30 - 1)).toBeLessThan(0.011);
    expect(Math.abs((one.latencyMs.p99 ?? 0) / 60 - 1)).toBeLessThan(0.011);
  });

  it('analytics/Q1: groups by route, service, status and class', async () => {
    const { groups } = await analytics.get<Summary>('/v1/summary?group=route');
    expect(groups?.map(({ key, totals }) => [key, totals.requests])).toEqual([['product', 80], ['orders', 10], ['site', 7]]);
    const byClass = await analytics.get<Summary>('/v1/summary?group=class');
    expect(byClass.groups?.map(({ key }) => key)).toEqual(['2xx', '4xx', '5xx']);
  });

  it('analytics/Q1: answers a series by step', async () => {
    const { points } = await analytics.get<{ points: { at: string; totals: { requests: number } }[] }>('/v1/series?from=now-10m&step=1m');
    expect(points.map(({ at, totals }) => [at, totals.requests])).toEqual([
      ['2025-12-31T23:55:00.000Z', 80],
      ['2025-12-31T23:57:00.000Z', 10],
      ['2025-12-31T23:59:00.000Z', 7],
    ]);
    const coarse = await analytics.get<{ points: unknown[] }>('/v1/series?from=2025-12-29T00:00:00Z&to=2026-01-01T00:00:00Z&step=1d');
    expect(coarse.points).toHaveLength(2);
  });

  it('analytics/Q2: lists the top routes, clients and limits, a page at a time', async () => {
    const routes = await analytics.get<TopPage>('/v1/top?by=route&sort=denied&pageSize=1');
    expect(routes.items).toMatchObject([{ route: 'product', denied: 20 }]);
    expect(routes.next).toBe(1);
    const clients = await analytics.get<TopPage>('/v1/top?by=client');
    expect(clients.items).toMatchObject([
      { client: 'address:192.0.2.7', requests: 81, allowed: 61, denied: 20 },
      { client: 'jwt:alice', requests: 10, serverErrors: 10 },
      { client: '=cmd|calc', requests: 6 },
    ]);
    const limits = await analytics.get<TopPage>('/v1/top?by=limit&sort=denied');
    expect(limits.items).toEqual([
      { policy: 'anonymous', limit: 'burst', requests: 80, denied: 20, degraded: 0 },
      { policy: 'users', limit: 'daily', requests: 10, denied: 0, degraded: 0 },
    ]);
  });

  it('analytics/N6: tells the whole truth about one client from the raw window', async () => {
    const client = await analytics.get<ClientDetail>('/v1/clients/address%3A192.0.2.7');
    expect(client).toMatchObject({ source: 'raw', totals: { requests: 81, denied: 20 }, statuses: { 200: 61, 429: 20 }, routes: { product: 80, site: 1 } });
    expect(await analytics.get<ClientDetail>('/v1/clients/nobody')).toMatchObject({ totals: { requests: 0 }, points: [] });
  });

  it('answers for one route with its clients', async () => {
    expect(await analytics.get('/v1/routes/orders')).toMatchObject({ route: 'orders', totals: { requests: 10, errors: 10 }, clients: [{ client: 'jwt:alice', requests: 10 }] });
  });

  it('analytics/Q1: pages through events, newest first, each once', async () => {
    const seen: string[] = [];
    let cursor = '';
    for (;;) {
      const page: EventPage = await analytics.get<EventPage>(`/v1/events?from=now-10m&pageSize=10${cursor === '' ? '' : `&cursor=${cursor}`}`);
      seen.push(...page.items.map(({ id }) => String(id)));
      if (page.next === null) break;
      cursor = page.next;
    }
    expect(seen).toHaveLength(97);
    expect(new Set(seen).size).toBe(97);
  });

  it.each([
    ['route=orders', 10],
    ['client=jwt:alice&status=5xx', 10],
    ['denied=true', 20],
    ['method=POST', 0],
    ['policy=users&limit=daily', 10],
    ['requestId=replay-run-1-5', 2],
    ['requestIdPrefix=replay-run-1-', 7],
    ['kind=breakerChange', 1],
    ['kind=security', 0],
  ])('filters events: %s', async (filter, count) => {
    const { items } = await analytics.get<EventPage>(`/v1/events?from=now-10m&pageSize=1000&${filter}`);
    expect(items).toHaveLength(count);
  });

  it('finds an event by the id its request was given', async () => {
    const { items } = await analytics.get<EventPage>('/v1/events?from=now-10m&route=orders&pageSize=1');
    const [item] = items;
    expect((await analytics.get<EventPage>(`/v1/events?requestId=${String(item?.['id'])}`)).items).toEqual([item]);
    expect((await analytics.get<EventPage>(`/v1/events?requestIdPrefix=${String(item?.['id']).slice(0, 25)}`)).items.length).toBeGreaterThan(0);
  });

  it('counts what arrived of a replay, and which lines came twice or not at all', async () => {
    expect(await analytics.get<ReplayReport>('/v1/replays/run-1?sent=6')).toEqual({
      run: 'run-1', counted: 6, distinct: 5, duplicated: 1, byStatus: { 200: 6 }, maxLine: 6, missing: 1, lineRanges: '1-3,5-6', lineRangesCut: false, duplicatedLines: [5],
    });
    expect(await analytics.get<ReplayReport>('/v1/replays/run-1-b?sent=1')).toMatchObject({ counted: 1, missing: 0, maxLine: 9 });
    expect(await analytics.get<ReplayReport>('/v1/replays/run')).toMatchObject({ counted: 0, maxLine: null });
  });

  it('analytics/Q1: answers CSV, with no cell a spreadsheet would run', async () => {
    const answer = await analytics.fetch('/v1/top?by=client&format=csv');
    expect(answer.headers.get('content-type')).toContain('text/csv');
    expect(await answer.text()).toBe(
      'client,requests,allowed,denied,clientErrors,serverErrors\r\naddress:192.0.2.7,81,61,20,0,0\r\njwt:alice,10,10,0,0,10\r\n\'=cmd|calc,6,6,0,0,0\r\n',
    );
  });

  it.each([
    ['/v1/summary?nope=1', 'nope'],
    ['/v1/summary?from=yesterday', 'from'],
    ['/v1/summary?from=now&to=now-1h', 'from'],
    ['/v1/summary?from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z', '31 days'],
    ['/v1/summary?from=2020-13-45T99:00:00Z', 'from'],
    ['/v1/summary?from=now-1h&from=now-2h', 'from'],
    ["/v1/summary?group=route;DROP%20TABLE%20requests", 'group'],
    ["/v1/summary?status=200%20OR%201=1", 'status'],
    ['/v1/series?step=1s', 'step'],
    ['/v1/series?step=90s', 'step'],
    ['/v1/series?from=now-30d&step=1m', 'step'],
    ['/v1/top', 'by'],
    ['/v1/top?by=route&sort=requests%20DESC--', 'sort'],
    ['/v1/top?by=client&pageSize=1001', 'pageSize'],
    ['/v1/top?by=client&cursor=-1', 'cursor'],
    ['/v1/events?kind=secrets', 'kind'],
    ['/v1/events?cursor=1%20UNION', 'cursor'],
    ['/v1/events?denied=yes', 'denied'],
    [`/v1/events?client=${'x'.repeat(600)}`, 'client'],
    ['/v1/replays/a%20b', 'run'],
    ['/v1/replays/a?sent=-1', 'sent'],
  ])('analytics/7: refuses %s with 400 and what is allowed', async (path, named) => {
    const answer = await analytics.fetch(path);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    const problem = (await answer.json()) as { detail: string; allowed: string[] };
    expect(problem.detail).toContain(named);
    expect(problem.allowed.length).toBeGreaterThan(0);
  });

  it.each(["' OR 1=1 --", "orders'; DROP TABLE requests; --", '%', '\u0000', 'orders" UNION SELECT 1'])('analytics/7: takes %j for the name of a route and finds nothing', async (route) => {
    expect(await analytics.get<Summary>(`/v1/summary?route=${encodeURIComponent(route)}`)).toMatchObject({ totals: { requests: 0, meanMs: null } });
    expect(await analytics.get<Summary>('/v1/summary')).toMatchObject({ totals: { requests: 97 } });
  });

  it.each([
    ['/v1/nope', 404],
    ['/v1/clients/', 400],
    ['/v1/clients/%zz', 400],
  ])('answers %s with a problem of status %i', async (path, status) => {
    const answer = await analytics.fetch(path);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect([status, 404]).toContain(answer.status);
  });

  it.each([{}, { authorization: 'Bearer wrong' }, { authorization: `Basic ${adminToken}` }])('gateway/A11: every path takes the admin token, not %j', async (headers) => {
    for (const path of ['/v1/summary', '/openapi.json', '/v1/nope', '/']) {
      const answer = await analytics.fetch(path, headers);
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    }
  });

  it('analytics/Q1: describes itself: the document names every parameter the API takes', async () => {
    const document = await analytics.get<{ paths: Record<string, { get: { parameters: { name: string; required: boolean }[] } }> }>('/openapi.json');
    expect(Object.keys(document.paths)).toEqual(['/v1/summary', '/v1/series', '/v1/top', '/v1/clients/{id}', '/v1/routes/{id}', '/v1/events', '/v1/replays/{run}']);
    expect(document.paths['/v1/top']?.get.parameters.map(({ name, required }) => (required ? `${name}!` : name))).toEqual(['by!', 'sort', 'from', 'to', 'pageSize', 'cursor', 'format']);
  });
});

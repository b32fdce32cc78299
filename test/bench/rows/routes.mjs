// (h) Matching among 10,000 routes over matching among 10.
import { compileRoutes, matchRoute, routesSchema } from '../../../libs/routing/dist/index.js';
import { median } from '../compare.mjs';

const counts = { few: 10, many: 10_000 };

export function measureRoutes({ rounds, seconds, warmUpSeconds, log }) {
  const tables = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, buildTable(count)]));
  const run = ({ table, heads }, durationMs) => {
    const startedAt = process.cpuUsage();
    const endsAt = performance.now() + durationMs;
    let matches = 0;
    while (performance.now() < endsAt) {
      for (const head of heads) if (matchRoute(table, head)?.route === undefined) throw new Error(`no route for ${head.path}`);
      matches += heads.length;
    }
    const { user, system } = process.cpuUsage(startedAt);
    return ((user + system) * 1_000) / matches;
  };
  const slice = Math.min(seconds, 1) * 1_000;
  for (const table of Object.values(tables)) run(table, Math.min(warmUpSeconds, 3) * 1_000);
  const samples = Array.from({ length: rounds }, () => ({ few: run(tables.few, slice), many: run(tables.many, slice) }));
  log(`  ${samples.map(({ few, many }) => `${few.toFixed(0)}/${many.toFixed(0)}`).join(' ')} ns per match`);
  const value = median(samples.map(({ few, many }) => many / few));
  return { measured: samples, rows: [{ id: 'h', what: 'matching among 10,000 routes, over among 10', value, unit: 'x', target: 2 }] };
}

/** Exact paths, prefixes and templates in equal parts; 1,000 requests spread over all of them. */
function buildTable(count) {
  const kinds = [(at) => ({ exact: `/api/exact-${at}/list` }), (at) => ({ prefix: `/files/area-${at}` }), (at) => ({ template: `/tenants/t${at}/orders/{id}` })];
  const paths = [(at) => `/api/exact-${at}/list`, (at) => `/files/area-${at}/a/b.txt`, (at) => `/tenants/t${at}/orders/4711`];
  const routes = Array.from({ length: count }, (_, at) => ({ name: `route-${at}`, match: { path: kinds[at % 3](at) }, service: 's' }));
  const heads = Array.from({ length: 1_000 }, (_, step) => {
    const at = (step * 7_919) % count;
    return { method: 'GET', scheme: 'http', authority: 'api.example.com', path: paths[at % 3](at), query: '', httpVersion: '1.1', fields: ['host', 'api.example.com'] };
  });
  return { table: compileRoutes(routesSchema.parse(routes)), heads };
}

import { counter, createRegistry, gauge, histogram, requestSeries, type Registry } from '@tidegate/observability';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MetricsSum } from './metrics-sum.js';

const names = { requests: 'tidegate_ingress_requests_total', seconds: 'tidegate_ingress_request_duration_seconds' };

function serve(registry: Registry, count: number): void {
  const record = requestSeries(registry, { prefix: 'tidegate_ingress', label: 'route' });
  for (let at = 0; at < count; at += 1) record('orders', 200, 3);
}

/** One sample of a text for Prometheus. */
function sample(text: string, series: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length));
}

/** As it arrives from another process. */
const metricsOf = async (registry: Registry) => structuredClone(JSON.parse(JSON.stringify(await registry.getMetricsAsJSON())) as Awaited<ReturnType<Registry['getMetricsAsJSON']>>);

describe('MetricsSum', () => {
  it('adds counters and histograms, and joins gauges as each of them says', async () => {
    const sum = new MetricsSum();
    const [one, two] = [createRegistry(), createRegistry()];
    for (const [registry, value] of [[one, 2], [two, 0]] as const) {
      serve(registry, value + 1);
      gauge(registry, { name: 'in_flight', help: 'sum' }).set(value);
      gauge(registry, { name: 'breaker_state', help: 'worst', aggregator: 'max' }).set(value);
      gauge(registry, { name: 'healthy', help: 'worst', aggregator: 'min' }).set(value);
    }
    sum.saw('worker-1', await metricsOf(one));
    sum.saw('worker-2', await metricsOf(two));
    const text = await sum.toText(await createRegistry().getMetricsAsJSON());
    expect(sample(text, `${names.requests}{route="orders",status="200"}`)).toBe(4);
    expect(sample(text, `${names.seconds}_bucket{le="0.005",route="orders"}`)).toBe(4);
    expect(sample(text, `${names.seconds}_bucket{le="0.0025",route="orders"}`)).toBe(0);
    expect(sample(text, `${names.seconds}_count{route="orders"}`)).toBe(4);
    expect(['in_flight', 'breaker_state', 'healthy'].map((name) => sample(text, name))).toEqual([2, 2, 0]);
  });

  it('a sum that was shown never falls, whoever dies and comes back', async () => {
    const step = fc.record({ worker: fc.constantFrom('worker-1', 'worker-2'), what: fc.constantFrom('serves', 'serves', 'is looked at', 'dies') });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const sum = new MetricsSum();
        const counts = new Map([['worker-1', 0], ['worker-2', 0]]);
        let shown = 0;
        for (const { worker, what } of steps) {
          if (what === 'serves') counts.set(worker, (counts.get(worker) ?? 0) + 1);
          if (what === 'dies') {
            sum.lost(worker);
            counts.set(worker, 0);
          }
          if (what !== 'is looked at') continue;
          for (const [name, count] of counts) {
            const registry = new (createRegistry().constructor as new () => Registry)();
            counter(registry, { name: 'served_total', help: 'served' }).inc(count);
            sum.saw(name, await registry.getMetricsAsJSON());
          }
          const total = sample(await sum.toText([]), 'served_total') ?? 0;
          expect(total).toBeGreaterThanOrEqual(shown);
          shown = total;
        }
      }),
      { numRuns: 50 },
    );
  });

  it('gauges of a process that is gone are gone with it', async () => {
    const sum = new MetricsSum();
    const registry = createRegistry();
    gauge(registry, { name: 'in_flight', help: 'sum' }).set(5);
    histogram(registry, { name: 'waited_seconds', help: 'waited' }).observe(1);
    sum.saw('worker-1', await metricsOf(registry));
    sum.lost('worker-1');
    const text = await sum.toText([]);
    expect(sample(text, 'in_flight')).toBeUndefined();
    expect(sample(text, 'waited_seconds_count')).toBe(1);
  });
});

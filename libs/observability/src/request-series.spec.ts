import { describe, expect, it } from 'vitest';
import { createLineCap } from './line-cap.js';
import { createRegistry } from './metrics.js';
import { requestSeries } from './request-series.js';

describe('requestSeries', () => {
  it('shows what prom-client would: a counter by label and status, a cumulative histogram with sum and count', async () => {
    const registry = createRegistry();
    const record = requestSeries(registry, { prefix: 'tidegate_test', label: 'route' });
    expect(requestSeries(registry, { prefix: 'tidegate_test', label: 'route' })).toBe(record);
    record('a', 200, 0.2);
    record('a', 200, 4);
    record('a', 503, 60_000);
    record('b', 200, 1);
    const text = await registry.metrics();
    expect(text).toContain('# TYPE tidegate_test_requests_total counter\n');
    expect(text).toContain('tidegate_test_requests_total{route="a",status="200"} 2\n');
    expect(text).toContain('tidegate_test_requests_total{route="a",status="503"} 1\n');
    expect(text).toContain('# TYPE tidegate_test_request_duration_seconds histogram\n');
    expect(text).toContain('tidegate_test_request_duration_seconds_bucket{le="0.00025",route="a"} 1\n');
    expect(text).toContain('tidegate_test_request_duration_seconds_bucket{le="0.0025",route="a"} 1\n');
    expect(text).toContain('tidegate_test_request_duration_seconds_bucket{le="0.005",route="a"} 2\n');
    expect(text).toContain('tidegate_test_request_duration_seconds_bucket{le="30",route="a"} 2\n');
    expect(text).toContain('tidegate_test_request_duration_seconds_bucket{le="+Inf",route="a"} 3\n');
    expect(text).toContain('tidegate_test_request_duration_seconds_bucket{le="0.001",route="b"} 1\n');
    expect(text).toContain('tidegate_test_request_duration_seconds_count{route="a"} 3\n');
    expect(text).toMatch(/tidegate_test_request_duration_seconds_sum\{route="a"\} 60\.0042/);
  });
});

describe('createLineCap', () => {
  it('lets so many lines pass in a second, and says once how many it held back', () => {
    const said: unknown[] = [];
    let nowMs = 0;
    const logger = { warn: (line: unknown) => said.push(line) };
    const mayLog = createLineCap({ logger: logger as never, perSecondMax: 3, clock: { monotonicMs: () => nowMs } });
    expect([1, 2, 3, 4, 5].map(() => mayLog())).toEqual([true, true, true, false, false]);
    nowMs = 1_000;
    expect(mayLog()).toBe(true);
    expect(said).toEqual([{ held: 2 }]);
  });
});

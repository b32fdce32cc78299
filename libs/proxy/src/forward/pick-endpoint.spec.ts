import { fakeClock, type FakeClock } from '@tidegate/testkit';
import { describe, expect, it } from 'vitest';
import { Endpoint } from './endpoint.js';
import { pickEndpoint } from './pick-endpoint.js';

function endpointsOf(count: number, clock: FakeClock): Endpoint[] {
  return Array.from({ length: count }, (_, at) => {
    const circuit = { isUsable: true, close: () => undefined };
    return new Endpoint({
      origin: `http://127.0.0.1:${7_000 + at}`,
      connectTimeoutMs: 1_000,
      outlier: { consecutiveErrors: 3, ejectForMs: 10_000 },
      clock,
      circuit: circuit as never,
    });
  });
}

const block = (endpoint: Endpoint | undefined, isUsable = false) => Object.assign(endpoint?.circuit ?? {}, { isUsable });

/** How often each is picked in many draws. */
function shares(endpoints: readonly Endpoint[], clock: FakeClock, tried?: readonly Endpoint[]): number[] {
  const counts = endpoints.map(() => 0);
  for (let i = 0; i < 4_000; i += 1) {
    const picked = pickEndpoint(endpoints, { nowMs: clock.monotonicMs(), tried, random: Math.random });
    if (picked !== undefined) counts[endpoints.indexOf(picked)] = (counts[endpoints.indexOf(picked)] ?? 0) + 1;
  }
  return counts.map((count) => count / 4_000);
}

describe('pickEndpoint (gateway/U1, U3)', () => {
  it('spreads evenly over equals', () => {
    const clock = fakeClock();
    for (const share of shares(endpointsOf(4, clock), clock)) expect(share).toBeCloseTo(0.25, 1);
  });

  it('prefers the less loaded and the faster one, and never draws the worst of two', () => {
    const clock = fakeClock();
    const loaded = endpointsOf(2, clock);
    if (loaded[0] !== undefined) loaded[0].inFlight = 5;
    expect(shares(loaded, clock)).toEqual([0, 1]);
    const slow = endpointsOf(2, clock);
    slow[1]?.sample(100, clock.monotonicMs());
    slow[0]?.sample(5, clock.monotonicMs());
    expect(shares(slow, clock)).toEqual([1, 0]);
  });

  it('a peak counts at once and is forgotten little by little', () => {
    const clock = fakeClock();
    const [a, b] = endpointsOf(2, clock);
    if (a === undefined || b === undefined) throw new Error('two');
    for (let i = 0; i < 50; i += 1) {
      clock.advance(100);
      a.sample(10, clock.monotonicMs());
      b.sample(20, clock.monotonicMs());
    }
    expect(a.costAt(clock.monotonicMs())).toBeLessThan(b.costAt(clock.monotonicMs()));
    a.sample(500, clock.monotonicMs());
    expect(a.costAt(clock.monotonicMs())).toBeGreaterThan(20 * b.costAt(clock.monotonicMs()));
    clock.advance(60_000);
    expect(a.costAt(clock.monotonicMs())).toBeLessThan(2);
  });

  it('leaves out an endpoint whose breaker is open, in panic too; none left: undefined', () => {
    const clock = fakeClock();
    const endpoints = endpointsOf(3, clock);
    block(endpoints[0]);
    expect(shares(endpoints, clock)[0]).toBe(0);
    for (const endpoint of endpoints) endpoint.isHealthy = false;
    expect(shares(endpoints, clock)[0]).toBe(0);
    for (const endpoint of endpoints) block(endpoint);
    expect(pickEndpoint(endpoints, { nowMs: 0, random: Math.random })).toBeUndefined();
    expect(pickEndpoint(endpoints.slice(0, 1), { nowMs: 0, random: Math.random })).toBeUndefined();
  });

  it('leaves out the unhealthy and the ejected while at least half are left, then believes health no more', () => {
    const clock = fakeClock();
    const endpoints = endpointsOf(4, clock);
    if (endpoints[0] !== undefined) endpoints[0].isHealthy = false;
    endpoints[1]?.eject();
    expect(shares(endpoints, clock).slice(0, 2)).toEqual([0, 0]);
    if (endpoints[2] !== undefined) endpoints[2].isHealthy = false;
    for (const share of shares(endpoints, clock)) expect(share).toBeGreaterThan(0.1);
    if (endpoints[2] !== undefined) endpoints[2].isHealthy = true;
    clock.advance(10_001);
    expect(shares(endpoints, clock)[1]).toBeGreaterThan(0.1);
  });

  it('a retry goes to another endpoint, and to the same one only when no other is left', () => {
    const clock = fakeClock();
    const endpoints = endpointsOf(3, clock);
    expect(shares(endpoints, clock, endpoints.slice(0, 1))[0]).toBe(0);
    expect(shares(endpoints, clock, endpoints.slice(0, 2))).toEqual([0, 0, 1]);
    expect(pickEndpoint(endpoints, { nowMs: 0, tried: endpoints, random: Math.random })).toBeDefined();
  });

  it('each ejection in a row lasts longer, and good answers shorten the next', () => {
    const clock = fakeClock();
    const [endpoint] = endpointsOf(1, clock);
    if (endpoint === undefined) throw new Error('one');
    endpoint.eject();
    clock.advance(10_001);
    endpoint.eject();
    clock.advance(15_000);
    expect(endpoint.isEjectedAt(clock.monotonicMs())).toBe(true);
    clock.advance(5_001);
    endpoint.succeeded();
    endpoint.succeeded();
    endpoint.eject();
    clock.advance(10_001);
    expect(endpoint.isEjectedAt(clock.monotonicMs())).toBe(false);
  });
});

import { describe, expect, it } from 'vitest';
import { servicesSchema } from './services-schema.js';

describe('servicesSchema', () => {
  it('fills in the defaults of the contract', () => {
    const { products } = servicesSchema.parse({ products: { upstreams: ['http://127.0.0.1:7002/'] } });
    expect(products).toEqual({
      upstreams: ['http://127.0.0.1:7002'],
      timeoutMs: 15_000,
      connectTimeoutMs: 1_000,
      bodyIdleMs: 30_000,
      inFlightMax: 4_096,
      retry: { attempts: 2, retryOn: [] },
      breaker: { errorRatio: 0.5, windowMs: 10_000, minRequests: 20, openForMs: 5_000, slowAfterMs: null },
      health: null,
      outlier: { consecutiveErrors: 5, ejectForMs: 10_000 },
    });
  });

  it('takes the shipped examples', () => {
    const parsed = servicesSchema.parse({
      orders: {
        upstreams: ['http://127.0.0.1:7003', 'http://127.0.0.1:7013'],
        timeout: '5s',
        retry: { attempts: 2, retryOn: [502, 503] },
        breaker: { errorRatio: 0.5, window: '10s', minRequests: 20, openFor: '5s', slowAfter: '3s' },
        health: { path: '/healthz', interval: '5s' },
      },
    });
    expect(parsed['orders']?.breaker.slowAfterMs).toBe(3_000);
    expect(parsed['orders']?.health).toEqual({ path: '/healthz', intervalMs: 5_000, timeoutMs: 1_000, unhealthyAfter: 3, healthyAfter: 2 });
  });

  it.each([
    [{ upstreams: [] }, 'upstreams'],
    [{ upstreams: ['127.0.0.1:7002'] }, 'expected an origin'],
    [{ upstreams: ['http://h/path'] }, 'expected an origin'],
    [{ upstreams: ['http://u:p@h'] }, 'expected an origin'],
    [{ upstreams: ['http://h', 'http://h:80'] }, 'twice'],
    [{ upstreams: ['http://h'], timeout: '5' }, 'expected a duration'],
    [{ upstreams: ['http://h'], breaker: { errorRatio: 1.5 } }, 'errorRatio'],
    [{ upstreams: ['http://h'], retry: { retryOn: [500] } }, 'retryOn'],
    [{ upstreams: ['http://h'], health: { path: 'healthz' } }, 'starts with /'],
    [{ upstreams: ['http://h'], colour: 'blue' }, 'colour'],
  ])('refuses %j', (service, message) => {
    expect(JSON.stringify(servicesSchema.safeParse({ s: service }).error?.issues)).toContain(message);
  });
});

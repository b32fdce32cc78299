import { fakeClock } from '@tidegate/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeadlineWheel, type Expiring } from './deadline-wheel.js';
import { RetryBudget } from './retry-budget.js';

interface Entry extends Expiring {
  expiredAtMs: number | undefined;
}

describe('DeadlineWheel', () => {
  it('expires each entry once, never early and at most one tick late; removed ones never', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ inMs: fc.integer({ min: 0, max: 60_000 }), removedAfterMs: fc.option(fc.integer({ min: 0, max: 60_000 })) }), { maxLength: 60 }),
        (plans) => {
          const clock = fakeClock();
          const wheel = new DeadlineWheel(clock);
          const startMs = clock.monotonicMs();
          const entries = plans.map(({ inMs }): Entry => {
            const entry: Entry = {
              deadlineAtMs: startMs + inMs,
              wheelSlot: -1,
              wheelIndex: -1,
              expiredAtMs: undefined,
              expire: () => {
                expect(entry.expiredAtMs).toBeUndefined();
                entry.expiredAtMs = clock.monotonicMs();
              },
            };
            wheel.add(entry);
            return entry;
          });
          for (let passed = 0; passed <= 61_000; passed += 16) {
            for (const [at, { removedAfterMs }] of plans.entries()) {
              const entry = entries[at];
              if (removedAfterMs !== null && entry !== undefined && passed >= removedAfterMs) wheel.remove(entry);
            }
            clock.advance(16);
            wheel.tick();
          }
          wheel.close();
          for (const [at, { inMs, removedAfterMs }] of plans.entries()) {
            const expired = entries[at]?.expiredAtMs;
            const lateMs = (expired ?? startMs + inMs) - startMs - inMs;
            expect(lateMs).toBeGreaterThanOrEqual(0);
            expect(lateMs).toBeLessThanOrEqual(48);
            expect(removedAfterMs !== null || expired !== undefined).toBe(true);
            expect(removedAfterMs !== null && removedAfterMs < inMs - 32 && expired !== undefined).toBe(false);
          }
          expect(wheel.size).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('RetryBudget (gateway/U5)', () => {
  it('allows ten retries for free and 20 % of the requests of the last window above that', () => {
    const clock = fakeClock();
    const budget = new RetryBudget(clock);
    let taken = 0;
    const takeAll = (): number => {
      for (taken = 0; budget.hasRetry; taken += 1) budget.takeRetry();
      return taken;
    };
    expect(takeAll()).toBe(10);
    for (let i = 0; i < 1_000; i += 1) budget.countRequest();
    expect(takeAll()).toBe(200);
    clock.advance(5_000);
    expect(budget.hasRetry).toBe(false);
    clock.advance(10_000);
    expect(takeAll()).toBe(10);
  });
});

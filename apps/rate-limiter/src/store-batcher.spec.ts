import { Reason, type Decision } from '@tidegate/grpc';
import { buildCheck, emptyDecision } from '@tidegate/limiter-client';
import { compilePolicies, limiterSchema, LimiterFault, prepareCheck, type BucketStore, type PreparedCheck, type TakeResult } from '@tidegate/rate-limit';
import { fakeClock } from '@tidegate/testkit';
import { describe, expect, it, vi } from 'vitest';
import { OpenCheck, OpenChecks } from './open-check.js';
import { StoreBatcher, type StoreBatcherOwner } from './store-batcher.js';

const policySet = compilePolicies(limiterSchema.parse({ policies: { users: { subject: '{client}', limits: [{ name: 'burst', key: '{client}', rate: 1, per: '1s' }] } } }), 'v1');

function prepare(id: number): PreparedCheck {
  const prepared = prepareCheck(policySet, buildCheck('users', { client: 'alice' }, { checkId: String(id) }));
  if (prepared instanceof LimiterFault) throw new Error(prepared.message);
  return prepared;
}

/** A store whose replies come when the spec says so. */
function heldStore() {
  const calls: { ids: number[]; reply: () => void; fail: () => void }[] = [];
  const store: BucketStore = {
    take: (batch) => {
      const { promise, resolve, reject } = Promise.withResolvers<TakeResult[]>();
      const results = batch.map(() => ({ allowed: true, fits: 1, states: [0, 0], decidedAtUs: 0, batchIndex: 0 }));
      calls.push({ ids: batch.map(({ check }) => Number(check.checkId)), reply: () => resolve(results), fail: () => reject(new Error('cut')) });
      return promise;
    },
    close: () => Promise.resolve(),
  };
  return { store, calls };
}

function start(timeoutMs = 25) {
  const clock = fakeClock();
  const { store, calls } = heldStore();
  const open = new OpenChecks(8_192);
  const outcomes = new Map<number, string[]>();
  const failures: string[] = [];
  const note = (accepted: OpenCheck, outcome: string): void => {
    const id = Number(accepted.prepared.check.checkId);
    outcomes.set(id, [...(outcomes.get(id) ?? []), outcome]);
    accepted.decide(decisionOf(accepted));
  };
  const owner: StoreBatcherOwner = {
    taken: (accepted) => {
      if (!accepted.isSettled) note(accepted, 'taken');
    },
    unknown: (accepted) => note(accepted, 'unknown'),
    late: (accepted) => note(accepted, 'late'),
    replied: () => {},
    failed: (reason) => failures.push(reason),
  };
  const batcher = new StoreBatcher({ store, owner, clock, timeoutMs });
  const sink = { decided: () => {}, refused: () => {} };
  const submit = (ids: number[], timeMs = 50): void => {
    for (const id of ids) batcher.submit(new OpenCheck(prepare(id), { configVersion: 'v1', deadlineMs: clock.monotonicMs() + timeMs, sink, id, open }));
    batcher.send();
  };
  return { clock, calls, outcomes, failures, batcher, submit, open };
}

const decisionOf = (accepted: OpenCheck): Decision => ({ ...emptyDecision(accepted.prepared.check), allowed: true, reason: Reason.WITHIN_LIMITS });
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, n) => from + n);

describe('limiter/P3', () => {
  it('a check leaves at once while fewer than 4 calls are in flight; what waits leaves with the next reply, 64 to a call, in order', async () => {
    const { calls, submit, outcomes, open } = start();
    for (let n = 0; n < 4; n += 1) submit([n]);
    expect(calls.map(({ ids }) => ids)).toEqual([[0], [1], [2], [3]]);
    submit(range(4, 100));
    expect(calls).toHaveLength(4);
    calls[1]?.reply();
    await vi.waitFor(() => expect(calls).toHaveLength(5));
    expect(calls[4]?.ids).toEqual(range(4, 64));
    calls[0]?.reply();
    await vi.waitFor(() => expect(calls).toHaveLength(6));
    expect(calls[5]?.ids).toEqual(range(68, 36));
    for (const { reply } of calls) reply();
    await vi.waitFor(() => expect(open.count).toBe(0));
    expect([...outcomes.values()].every((outcome) => outcome.length === 1 && outcome[0] === 'taken')).toBe(true);
  });
});

describe('limiter/P4', () => {
  it('a check whose time passed while it waited is undecided and never reaches the store', async () => {
    const { calls, submit, outcomes, clock } = start(1_000);
    for (let n = 0; n < 4; n += 1) submit([n], 500);
    submit([10], 20);
    submit([11], 500);
    clock.advance(21);
    await vi.waitFor(() => expect(outcomes.get(10)).toEqual(['late']));
    calls[0]?.reply();
    await vi.waitFor(() => expect(calls).toHaveLength(5));
    expect(calls[4]?.ids).toEqual([11]);
  });

  it('a check in flight is answered at its own deadline, its neighbours wait on', async () => {
    const { submit, outcomes, clock, calls, batcher } = start(1_000);
    batcher.submit(new OpenCheck(prepare(1), { configVersion: 'v1', deadlineMs: clock.monotonicMs() + 500, sink: { decided: () => {}, refused: () => {} }, id: 1, open: new OpenChecks(10) }));
    submit([2], 10);
    expect(calls[0]?.ids).toEqual([1, 2]);
    clock.advance(11);
    await vi.waitFor(() => expect(outcomes.get(2)).toEqual(['unknown']));
    expect(outcomes.has(1)).toBe(false);
    calls[0]?.reply();
    await vi.waitFor(() => expect(outcomes.get(1)).toEqual(['taken']));
    expect(outcomes.get(2)).toEqual(['unknown']);
  });
});

describe('limiter/F2, F3', () => {
  it('a call without a reply is given up, its checks are answered once, a late reply changes nothing', async () => {
    const { submit, outcomes, failures, clock, calls } = start();
    submit([1, 2]);
    clock.advance(25);
    await vi.waitFor(() => expect(failures).toEqual(['no reply within 25 ms']));
    expect(outcomes).toEqual(new Map([[1, ['unknown']], [2, ['unknown']]]));
    calls[0]?.reply();
    submit([3]);
    calls[1]?.reply();
    await vi.waitFor(() => expect(outcomes.get(3)).toEqual(['taken']));
    expect(outcomes.get(1)).toEqual(['unknown']);
    expect(calls.map(({ ids }) => ids)).toEqual([[1, 2], [3]]);
  });

  it('a call that failed is never sent again', async () => {
    const { submit, outcomes, failures, calls } = start();
    submit([1]);
    calls[0]?.fail();
    await vi.waitFor(() => expect(outcomes.get(1)).toEqual(['unknown']));
    expect(failures).toEqual(['cut']);
    expect(calls).toHaveLength(1);
  });

  it('when the store is away everything that waits or is in flight is handed over at once', () => {
    const { submit, outcomes, batcher, open } = start();
    for (let n = 0; n < 4; n += 1) submit([n]);
    submit(range(4, 200));
    batcher.abandonAll();
    expect(outcomes.size).toBe(204);
    expect(open.count).toBe(0);
  });
});

import { StreamChecksRequest, StreamChecksResponse } from '@tidegate/grpc';
import { buildCheck } from '@tidegate/limiter-client';
import { compilePolicies, createMemoryBucketStore, LimiterFault, prepareCheck, toDecision, type Policy } from '@tidegate/rate-limit';
import { systemClock } from '@tidegate/units';

/** Enough for V8 to compile the path of a check; takes some 20 ms. */
const rounds = 40;
const checksPerRound = 32;

const policy: Policy = {
  subject: '{client}',
  onStoreFailure: 'local',
  partitionKey: false,
  limits: [{ name: 'limit', key: '{client}', rate: 1, perMs: 1_000, burst: 10, mode: 'enforce', unit: 'requests' }],
};

/** Runs the path of a check on made-up ones, so that the first callers of a new process do not wait for the compiler. */
export function warmUp(): void {
  const policySet = compilePolicies({ policies: { 'warm-up': policy } }, 'warm-up');
  const store = createMemoryBucketStore({ clock: systemClock });
  for (let round = 0; round < rounds; round += 1) {
    const items = Array.from({ length: checksPerRound }, (_, id) => ({ id, check: buildCheck('warm-up', { client: `client-${id}`, route: 'route', method: 'GET' }, { verbose: true }) }));
    const request = StreamChecksRequest.decode(StreamChecksRequest.encode({ hello: undefined, items }).finish());
    const results = request.items.flatMap(({ id, check }) => {
      const prepared = check === undefined ? undefined : prepareCheck(policySet, check);
      const taken = prepared === undefined || prepared instanceof LimiterFault ? undefined : store.takeOne(prepared);
      if (prepared === undefined || prepared instanceof LimiterFault || taken === undefined) return [];
      const decision = toDecision(prepared, taken, { configVersion: 'warm-up', decisionId: 'warm-up' });
      return [{ id, outcome: { $case: 'decision' as const, value: decision } }];
    });
    StreamChecksResponse.encode({ results, draining: false, groupSize: 1, credit: 1 }).finish();
  }
}

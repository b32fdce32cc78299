import type { BucketCall, PreparedCheck } from '@tidegate/rate-limit';

/** A check of one bucket alone, outside any policy. */
export function toBucketCheck({ key, limit, shape }: BucketCall, cost: number): PreparedCheck {
  return {
    check: { policy: '', attributes: {}, cost, limitCosts: {}, checkId: '', timeoutMs: 0, verbose: false },
    policy: { name: '', onStoreFailure: 'local', partitionKey: false, limits: [limit] },
    calls: [{ key, limit: { ...limit, isShadow: false }, shape, cost, isHopeless: shape.rate === 0 }],
    isHopeless: shape.rate === 0,
  };
}

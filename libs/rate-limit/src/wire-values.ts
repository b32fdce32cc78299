import type { AdjustmentSource, LimitMode, Reason } from '@tidegate/grpc';

// The numbers of the wire enums, without loading the gRPC runtime that the generated module imports.
// oxlint-disable typescript/no-unsafe-enum-assignment -- a number is what an enum is on the wire; the spec compares them

/** Values of the wire's Reason. */
export const reasons = {
  withinLimits: 1 as Reason.WITHIN_LIMITS,
  limitExceeded: 2 as Reason.LIMIT_EXCEEDED,
  costExceedsBurst: 3 as Reason.COST_EXCEEDS_BURST,
  blocked: 4 as Reason.BLOCKED,
  storeDownAllow: 5 as Reason.STORE_DOWN_ALLOW,
  storeDownDeny: 6 as Reason.STORE_DOWN_DENY,
  limiterDown: 9 as Reason.LIMITER_DOWN,
} as const;

/** Values of the wire's LimitMode. */
export const limitModes = { enforce: 1 as LimitMode.ENFORCE, shadow: 2 as LimitMode.SHADOW } as const;

/** Values of the wire's AdjustmentSource. */
export const adjustmentSources = { model: 1 as AdjustmentSource.MODEL } as const;

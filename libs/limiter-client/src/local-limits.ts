import type { Check, Decision } from '@tidegate/grpc';
import type { Clock } from '@tidegate/units';
import { toLimiterDownDecision } from './failure-decision.js';

/** Decides while no limiter answers: the limits last seen, divided by the size of the group (limiter/C4). */
export class LocalLimits {
  constructor(readonly clock: Clock) {}

  learn(_check: Check, _decision: Decision): void {}

  decide(check: Check, _groupSize: number): Decision {
    return toLimiterDownDecision(check, true);
  }
}

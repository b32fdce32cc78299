import { rescale, type LimitShape } from './limit-shape.js';

/**
 * The level a replica's own share starts from: the last level seen of the whole limit, divided (limiter/F2).
 * @param level grains of `whole`
 * @returns grains of the divided `share`, rounded down, at most full
 */
export function shareLevel(level: number, whole: LimitShape, { share, divisor }: { share: LimitShape; divisor: number }): number {
  return Math.min(share.fullGrains, rescale(Math.floor(level / divisor), whole.grainsPerToken, share.grainsPerToken));
}

import type { BucketCall, PreparedCheck, TakeResult } from '@tidegate/rate-limit';

/** A batch in the form token-bucket.lua reads; see its header. */
export interface EncodedBatch {
  readonly keys: string[];
  readonly asks: string;
  readonly checks: string;
}

/** Digits of the script's indexes: base 64, from the character '0' on. */
const digits = Array.from({ length: 64 }, (_digit, value) => String.fromCharCode(48 + value));
const indexes = digits.flatMap((high) => digits.map((low) => high + low));
/** Added to a check's number of calls when it is denied whatever the levels. */
const hopelessFlag = 32;
/** How many of the last lines are looked through for one that asks the same. */
const askLookback = 16;

/** Encodes at most 64 checks of at most 16 calls. Blocked limits (rate 0) are left out: they have no bucket. */
export function encodeBatch(batch: readonly PreparedCheck[]): EncodedBatch {
  const keys: string[] = [];
  const keyIndexes = new Map<string, number>();
  const asks: BucketCall[] = [];
  let checks = '';
  for (const { calls, isHopeless } of batch) {
    let count = isHopeless ? hopelessFlag : 0;
    let encoded = '';
    for (const call of calls) {
      if (call.shape.rate === 0) continue;
      count += 1;
      let keyIndex = keyIndexes.get(call.key);
      if (keyIndex === undefined) {
        keyIndex = keys.push(call.key) - 1;
        keyIndexes.set(call.key, keyIndex);
      }
      encoded += indexes[keyIndex];
      encoded += indexes[askIndex(asks, call)];
    }
    checks += digits[count];
    checks += encoded;
  }
  return { keys, asks: asks.map(toLine).join('\n'), checks };
}

/** The script's answer as what the store says of each check of the batch. */
export function decodeAnswer(batch: readonly PreparedCheck[], answer: readonly number[]): TakeResult[] {
  const decidedAtUs = answer[0] as number;
  let at = 1;
  return batch.map(({ calls, isHopeless }, batchIndex) => {
    const sent = answer[at] as number;
    at += 1;
    const states: number[] = [];
    let allowed = !isHopeless;
    let fits = 0;
    let bit = 1;
    for (let index = 0; index < calls.length; index += 1) {
      const { shape, limit } = calls[index] as BucketCall;
      if (shape.rate === 0) {
        states.push(shape.fullGrains, decidedAtUs);
        continue;
      }
      if ((sent & bit) !== 0) fits |= 1 << index;
      else if (!limit.isShadow) allowed = false;
      bit <<= 1;
      states.push(answer[at] as number, decidedAtUs + (answer[at + 1] as number));
      at += 2;
    }
    return { allowed, fits, states, decidedAtUs, batchIndex };
  });
}

function askIndex(asks: BucketCall[], call: BucketCall): number {
  const first = Math.max(0, asks.length - askLookback);
  for (let index = asks.length - 1; index >= first; index -= 1) {
    const ask = asks[index] as BucketCall;
    if (ask.shape === call.shape && ask.cost === call.cost && ask.limit.isShadow === call.limit.isShadow && ask.isHopeless === call.isHopeless) return index;
  }
  return asks.push(call) - 1;
}

function toLine({ shape, limit, cost, isHopeless }: BucketCall): string {
  const { rate, perMs, burst, step, tickUs, grainsPerToken } = shape;
  const grains = isHopeless ? -1 : cost * grainsPerToken;
  return `${grains} ${limit.isShadow ? 1 : 0} ${rate} ${perMs} ${burst} ${step} ${tickUs} ${grainsPerToken}`;
}

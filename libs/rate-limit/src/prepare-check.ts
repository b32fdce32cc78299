import type { Check } from '@tidegate/grpc';
import { attributeBytesMax } from './gateway-attributes.js';
import { missingAttribute, renderTemplate } from './key-template.js';
import type { LimitShape } from './limit-shape.js';
import { LimiterFault } from './limiter-fault.js';
import type { CompiledLimit, CompiledPolicy, PolicySet } from './policy-set.js';

/** What one limit is asked in one check. */
export interface BucketCall {
  /** The bucket's key in the store. */
  readonly key: string;
  readonly limit: CompiledLimit;
  readonly shape: LimitShape;
  /** Tokens asked; 0 = peek. */
  readonly cost: number;
  /** Never fits, whatever the level: rate 0, or a cost above the effective burst (limiter/B5). */
  readonly isHopeless: boolean;
}

/** A check whose policy is found and whose keys are built: all that a store and `toDecision` need. */
export interface PreparedCheck {
  readonly check: Check;
  readonly policy: CompiledPolicy;
  readonly calls: readonly BucketCall[];
  /** An enforcing limit is hopeless: denied whatever the levels, charges nothing. */
  readonly isHopeless: boolean;
}

const attributesMax = 16;
const checkIdBytesMax = 64;
/** No policy has a longer name; what a caller made up is not sent back whole. */
const policyNameMax = 63;

/** Finds the policy and builds the bucket keys of a check, or says what is wrong with it (limiter/P10). */
export function prepareCheck(policySet: PolicySet, check: Check): PreparedCheck | LimiterFault {
  if (check.policy === '') return new LimiterFault('EMPTY_POLICY', 'the check names no policy');
  const policy = policySet.policies.get(check.policy);
  const oversize = oversizeOf(check);
  if (oversize !== undefined) return new LimiterFault('TOO_LARGE', oversize);
  if (policy === undefined) return new LimiterFault('UNKNOWN_POLICY', `no policy is named "${check.policy.slice(0, policyNameMax)}"`);
  return prepareForPolicy(policy, check);
}

/** The same for a policy already found, e.g. one divided for failure mode local. */
export function prepareForPolicy(policy: CompiledPolicy, check: Check): PreparedCheck | LimiterFault {
  const { limits } = policy;
  const calls: BucketCall[] = [];
  let isHopeless = false;
  for (let index = 0; index < limits.length; index += 1) {
    const limit = limits[index] as CompiledLimit;
    const key = buildBucketKey(limit, check.attributes);
    if (key === undefined) return missingFault(limit, check);
    const { shape } = limit;
    const cost = costOf(check, limit.name);
    const call = { key, limit, shape, cost, isHopeless: shape.rate === 0 || cost > shape.effectiveBurst };
    if (call.isHopeless && !limit.isShadow) isHopeless = true;
    calls.push(call);
  }
  return { check, policy, calls, isHopeless };
}

/** `tg1:{tag}:policy/limit:key` (limiter/B9), or undefined if an attribute is missing. */
export function buildBucketKey(limit: CompiledLimit, attributes: Readonly<Record<string, string>>): string | undefined {
  const key = renderTemplate(limit.key, attributes);
  if (key === undefined) return undefined;
  const isOwnTag = limit.tag === limit.key || limit.tag.text === limit.key.text;
  const tag = isOwnTag ? key : renderTemplate(limit.tag, attributes);
  return tag === undefined ? undefined : `tg1:{${tag}${limit.infix}${key}`;
}

function costOf({ cost, limitCosts }: Check, limit: string): number {
  const own: unknown = limitCosts[limit];
  return typeof own === 'number' ? own : (cost ?? 1);
}

function missingFault(limit: CompiledLimit, { policy, attributes }: Check): LimiterFault {
  const attribute = missingAttribute(limit.key, attributes) ?? missingAttribute(limit.tag, attributes);
  return new LimiterFault('MISSING_ATTRIBUTE', `limit "${policy}/${limit.name}" needs the attribute "${attribute}"`);
}

function oversizeOf({ attributes, limitCosts, checkId }: Check): string | undefined {
  let count = 0;
  for (const attribute in attributes) {
    count += 1;
    if (isLonger(attribute, attributeBytesMax) || isLonger(attributes[attribute] ?? '', attributeBytesMax)) {
      return `an attribute or its value is longer than ${attributeBytesMax} bytes`;
    }
  }
  if (count > attributesMax) return `more than ${attributesMax} attributes`;
  count = 0;
  for (const _limit in limitCosts) count += 1;
  if (count > attributesMax) return `more than ${attributesMax} costs`;
  return isLonger(checkId, checkIdBytesMax) ? `the check id is longer than ${checkIdBytesMax} bytes` : undefined;
}

/** Whether the text takes more bytes in UTF-8: counted only when its length leaves a doubt. */
function isLonger(text: string, bytesMax: number): boolean {
  if (text.length * 3 <= bytesMax) return false;
  return text.length > bytesMax || Buffer.byteLength(text) > bytesMax;
}

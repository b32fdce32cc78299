import { hash } from 'node:crypto';
import { attributeBytesMax, type GatewayAttribute } from '@tidegate/rate-limit';
import { limitedAddress } from './client-prefix.js';
import type { IngressExchange } from './ingress-exchange.js';

/** A value within the limiter's bound: a longer one is stood for by its SHA-256, so that two of them never share a bucket. */
export function toAttribute(value: string): string {
  if (value.length <= attributeBytesMax / 4 || Buffer.byteLength(value) <= attributeBytesMax) return value;
  return `#${hash('sha256', value, 'base64url')}`;
}

/**
 * The gateway's attributes, all of them, for every check (limiter/P11). `client` carries its kind, so that a JWT subject
 * that reads like an address or a key id cannot spend from that one's bucket.
 */
export function buildLimitAttributes(exchange: IngressExchange): Record<GatewayAttribute, string> {
  const { principal } = exchange;
  return {
    client: toAttribute(exchange.principalKey),
    'client.kind': principal.kind,
    address: limitedAddress(exchange.clientAddress),
    fingerprint: exchange.headerFingerprint,
    route: exchange.route?.name ?? '',
    resource: toAttribute(exchange.resourceIds.join('/')),
    method: exchange.head.method,
    plan: principal.plan ?? '',
    auth: principal.kind,
  };
}

import { hash } from 'node:crypto';
import { limitedAddress } from './client-prefix.js';
import type { IngressExchange } from './ingress-exchange.js';

/** Longest attribute value the limiter takes, in bytes (limiter/P10). */
const valueBytesMax = 256;

/** A value within the limiter's bound: a longer one is stood for by its SHA-256, so that two of them never share a bucket. */
export function toAttribute(value: string): string {
  if (value.length <= valueBytesMax / 4 || Buffer.byteLength(value) <= valueBytesMax) return value;
  return `#${hash('sha256', value, 'base64url')}`;
}

/**
 * The reserved attributes, all of them, for every check (limiter/P11). `client` carries its kind, so that a JWT subject
 * that reads like an address or a key id cannot spend from that one's bucket.
 */
export function buildLimitAttributes(exchange: IngressExchange): Record<string, string> {
  const { principal } = exchange;
  const address = limitedAddress(exchange.clientAddress);
  return {
    client: principal.kind === 'anonymous' ? `address:${address}` : toAttribute(exchange.principalKey),
    'client.kind': principal.kind,
    address,
    fingerprint: exchange.headerFingerprint,
    route: exchange.route?.name ?? '',
    resource: toAttribute(exchange.resourceIds.join('/')),
    method: exchange.head.method,
    plan: principal.plan ?? '',
    auth: principal.kind,
  };
}

import type { Principal } from '@tidegate/auth';
import { limitedAddress } from './client-prefix.js';

/**
 * One text for who a request is, with its kind, so that two kinds never meet: `jwt:alice`, `key:k_01`,
 * `address:192.0.2.7`. Partition key of its events and identity in the analytics.
 */
export function toPrincipalKey(principal: Principal, clientAddress: string): string {
  if (principal.kind === 'jwt') return `jwt:${principal.id}`;
  if (principal.kind === 'api-key') return `key:${principal.id}`;
  return toAddressKey(clientAddress);
}

/** The same for somebody of whom only the address is known. */
export const toAddressKey = (clientAddress: string): string => `address:${limitedAddress(clientAddress)}`;

import { hash } from 'node:crypto';

/** First 8 bytes of the SHA-256 of a bucket's key: tells buckets apart without telling whose they are. */
export function partitionOf(key: string): Buffer {
  return hash('sha256', key, 'buffer').subarray(0, 8);
}

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '@tidegate/units';

/** Makes and checks `x-tidegate-token`, by which the tiers know each other (gateway/H5). */
export interface InternalTokens {
  /** The token to send now; renewed every 10 s. */
  current(): string;
  /** Whether a tier with the same key made it and it has not expired. */
  verify(token: string): boolean;
}

/** What a tier signs with, and as whom. */
export interface InternalTokenOptions {
  readonly key: Uint8Array;
  readonly kid: string;
  readonly instance: string;
  readonly clock: Clock;
}

const renewAfterMs = 10_000;
const validForSeconds = 60;
/** Senders have two tokens at a time at most: this is enough for hundreds of them. */
const verifiedMax = 1_024;
const shape = /^v1\.([A-Za-z0-9_-]{1,32})\.[A-Za-z0-9_-]{1,64}\.(\d{1,12})\.([A-Za-z0-9_-]{43})$/;

/** `v1.<kid>.<instance>.<exp>.<hmac>`: exp in seconds since the epoch, HMAC-SHA-256 over everything before the last dot. */
export function createInternalTokens({ key, kid, instance, clock }: InternalTokenOptions): InternalTokens {
  const sender = instance.replaceAll(/[^A-Za-z0-9_-]/g, '-').slice(0, 64);
  if (key.length < 32 || sender === '')
    throw new TypeError('an internal token needs a key of 32 bytes and the name of an instance');
  /** Tokens whose signature was right, and until when they are good. */
  const verified = new Map<string, number>();
  let token = '';
  let renewAtMs = 0;
  const sign = (text: string): string => createHmac('sha256', key).update(text).digest('base64url');

  const checkSignature = (candidate: string): number => {
    const [, candidateKid, expires, mac] = shape.exec(candidate) ?? [];
    if (candidateKid !== kid || mac === undefined) return 0;
    // As text: the last character of a MAC has spare bits, and one token must have one spelling.
    const isRight = timingSafeEqual(Buffer.from(sign(candidate.slice(0, candidate.lastIndexOf('.')))), Buffer.from(mac));
    return isRight ? Number(expires) * 1_000 : 0;
  };

  return {
    current() {
      const nowMs = clock.nowMs();
      if (nowMs >= renewAtMs || nowMs < renewAtMs - renewAfterMs) {
        const head = `v1.${kid}.${sender}.${Math.floor(nowMs / 1_000) + validForSeconds}`;
        token = `${head}.${sign(head)}`;
        renewAtMs = nowMs + renewAfterMs;
      }
      return token;
    },
    verify(candidate) {
      const known = verified.get(candidate);
      if (known !== undefined) return clock.nowMs() < known;
      const expiresAtMs = checkSignature(candidate);
      if (clock.nowMs() >= expiresAtMs) return false;
      if (verified.size >= verifiedMax) verified.clear();
      verified.set(candidate, expiresAtMs);
      return true;
    },
  };
}

import type { KeyObject } from 'node:crypto';
import type { TokenHeader } from './token-parts.js';

/** Gives the keys a token may have been signed with. */
export interface KeySource {
  /** Candidates for this header, none if it names an unknown key. Throws or rejects with KeysUnavailableError before the first load. */
  find(header: TokenHeader): readonly KeyObject[] | Promise<readonly KeyObject[]>;
  close(): void;
}

/** One configured key, whatever the header names. */
export function createStaticKeySource(key: KeyObject): KeySource {
  const keys = [key];
  return { find: () => keys, close: () => undefined };
}

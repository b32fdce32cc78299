/**
 * The partition all events of one principal go to, in [0, partitions). FNV-1a over the UTF-16 code units, finished so
 * that close names spread; the same in every process and version, because a client's order hangs on it (analytics/N3).
 */
export function partitionOf(principal: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < principal.length; at += 1) {
    hash = Math.imul(hash ^ principal.charCodeAt(at), 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return (hash >>> 0) % partitions;
}

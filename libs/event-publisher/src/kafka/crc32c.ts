/** Eight tables of 256: what a byte adds to the checksum from eight places away. */
const tables = buildTables();

/** CRC-32C (Castagnoli, RFC 3720 appendix B.4) of bytes[start, end), as an unsigned number; eight bytes at a time. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  const t = tables;
  let crc = -1;
  let at = start;
  for (const last = end - 7; at < last; at += 8) {
    const low = crc ^ (byte(bytes, at) | (byte(bytes, at + 1) << 8) | (byte(bytes, at + 2) << 16) | (byte(bytes, at + 3) << 24));
    crc =
      entry(t, 7, low) ^ entry(t, 6, low >>> 8) ^ entry(t, 5, low >>> 16) ^ entry(t, 4, low >>> 24) ^
      entry(t, 3, byte(bytes, at + 4)) ^ entry(t, 2, byte(bytes, at + 5)) ^ entry(t, 1, byte(bytes, at + 6)) ^ entry(t, 0, byte(bytes, at + 7));
  }
  for (; at < end; at += 1) crc = entry(t, 0, crc ^ byte(bytes, at)) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

function entry(t: Int32Array, table: number, index: number): number {
  return t[(table << 8) | (index & 255)] as number;
}

function buildTables(): Int32Array {
  const built = new Int32Array(8 * 256);
  for (let index = 0; index < 256; index += 1) {
    let crc = index;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    built[index] = crc;
  }
  for (let index = 256; index < built.length; index += 1) {
    const before = built[index - 256] as number;
    built[index] = (before >>> 8) ^ entry(built, 0, before);
  }
  return built;
}

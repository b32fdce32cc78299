import { z } from 'zod';

const unitsBytes: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };

/** Parses `512B`, `64KiB`, `10MiB`, `2GiB` to bytes; undefined if it is none. */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d{1,12})(B|KiB|MiB|GiB|TiB)$/.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * (unitsBytes[match[2] ?? ''] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Schema of a size: text in the file, bytes in the code, within [minBytes, maxBytes]. */
export const byteSize = (minBytes = 0, maxBytes = 2 ** 50) =>
  z.string('expected a size such as 10MiB').transform((text, ctx) => {
    const bytes = parseByteSize(text);
    if (bytes !== undefined && bytes >= minBytes && bytes <= maxBytes) return bytes;
    const range = bytes === undefined ? 'a whole number and B, KiB, MiB or GiB, such as 10MiB' : `${minBytes}B to ${maxBytes}B`;
    ctx.addIssue({ code: 'custom', message: `expected a size: ${range}, got "${text}"` });
    return z.NEVER;
  });

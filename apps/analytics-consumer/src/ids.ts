const crockford = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Value of each digit by its character code, 255 where it is none. */
const toTable = (alphabet: string): Uint8Array => {
  const table = new Uint8Array(128).fill(255);
  for (let value = 0; value < alphabet.length; value += 1) {
    table[alphabet.charCodeAt(value)] = value;
  }
  return table;
};

const base32 = toTable(crockford);
const hex = toTable('0123456789abcdef');

/** Longest id that is read as a number. */
const digits = new Uint8Array(32);

/** Reads all digits of the text into `digits`; false when one is none. */
function readDigits(text: string, table: Uint8Array): boolean {
  let worst = 0;
  for (let at = 0; at < text.length; at += 1) {
    const value = table[text.charCodeAt(at) & 127] as number;
    digits[at] = value;
    worst |= value | (text.charCodeAt(at) >> 7 === 0 ? 0 : 255);
  }
  return (worst & 0xe0) === 0;
}

/** Digit `at` of the text read last. */
const d = (at: number): number => digits[at] as number;

/**
 * Writes a ULID as the 128 bits DuckDB keeps a UUID in: four words from `at`, lowest first, the highest bit flipped.
 * False, and nothing written, when the text is none (lower case is none: it would not come back).
 */
export function writeUlid(words: Uint32Array, at: number, text: string): boolean {
  if (text.length !== 26 || !readDigits(text, base32) || d(0) > 7) return false;
  words[at + 3] = ((d(0) << 29) | (d(1) << 24) | (d(2) << 19) | (d(3) << 14) | (d(4) << 9) | (d(5) << 4) | (d(6) >> 1)) ^ 0x80000000;
  words[at + 2] = (d(6) << 31) | (d(7) << 26) | (d(8) << 21) | (d(9) << 16) | (d(10) << 11) | (d(11) << 6) | (d(12) << 1) | (d(13) >> 4);
  words[at + 1] = (d(13) << 28) | (d(14) << 23) | (d(15) << 18) | (d(16) << 13) | (d(17) << 8) | (d(18) << 3) | (d(19) >> 2);
  words[at] = (d(19) << 30) | (d(20) << 25) | (d(21) << 20) | (d(22) << 15) | (d(23) << 10) | (d(24) << 5) | d(25);
  return true;
}

/** The same for 32 hexadecimal digits in lower case. */
export function writeTraceId(words: Uint32Array, at: number, text: string): boolean {
  if (text.length !== 32 || !readDigits(text, hex)) return false;
  for (let word = 0; word < 4; word += 1) {
    let value = 0;
    for (let digit = 0; digit < 8; digit += 1) value = (value << 4) | d(word * 8 + digit);
    words[at + 3 - word] = word === 0 ? value ^ 0x80000000 : value;
  }
  return true;
}

/** The text of a UUID column as a ULID. */
export function toUlid(uuid: string): string {
  let rest = BigInt(`0x${uuid.replaceAll('-', '')}`);
  let text = '';
  for (let digit = 0; digit < 26; digit += 1) {
    text = (crockford[Number(rest & 31n)] ?? '') + text;
    rest >>= 5n;
  }
  return text;
}

/** A ULID as the text of a UUID, undefined if it is none. */
export function fromUlid(ulid: string): string | undefined {
  const words = new Uint32Array(4);
  if (!writeUlid(words, 0, ulid)) return undefined;
  const hexOf = (word: number): string => word.toString(16).padStart(8, '0');
  const text = hexOf(((words[3] as number) ^ 0x80000000) >>> 0) + hexOf(words[2] as number) + hexOf(words[1] as number) + hexOf(words[0] as number);
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
}

const depthMax = 32;

/**
 * Whether some object in a JSON text names a member twice, escapes resolved (`"a"` and `"\u0061"` are one name), or it
 * nests deeper than 32 levels. The text must be valid JSON: parse it first.
 */
export function hasDuplicateMembers(text: string): boolean {
  /** Names seen per open object; undefined for an open array. */
  const open: (Set<string> | undefined)[] = [];
  let isNameNext = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '"') {
      const end = endOfString(text, at);
      if (isNameNext && !isNew(open.at(-1), text.slice(at, end + 1))) return true;
      isNameNext = false;
      at = end;
    } else if (char === '{' || char === '[') {
      open.push(char === '{' ? new Set() : undefined);
      if (open.length > depthMax) return true;
      isNameNext = char === '{';
    } else if (char === '}' || char === ']') {
      open.pop();
      isNameNext = false;
    } else if (char === ',') {
      isNameNext = open.at(-1) !== undefined;
    }
  }
  return false;
}

function isNew(names: Set<string> | undefined, quoted: string): boolean {
  const name = JSON.parse(quoted) as string;
  if (names?.has(name) === true) return false;
  names?.add(name);
  return true;
}

/** Place of the quote that closes the string opened at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

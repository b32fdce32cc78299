/** A table as CSV (RFC 4180); nested members become columns such as `totals.requests`. */
export function toCsv(rows: readonly object[]): string {
  const flat = rows.map((row) => flatten(row));
  const names = [...new Set(flat.flatMap((row) => [...row.keys()]))];
  const lines = [names.map(toCell).join(','), ...flat.map((row) => names.map((name) => toCell(row.get(name))).join(','))];
  return `${lines.join('\r\n')}\r\n`;
}

function flatten(value: object, prefix = '', into = new Map<string, unknown>()): Map<string, unknown> {
  for (const [name, member] of Object.entries(value)) {
    if (typeof member === 'object' && member !== null && !Array.isArray(member)) flatten(member as object, `${prefix}${name}.`, into);
    else into.set(`${prefix}${name}`, Array.isArray(member) ? member.join(' ') : member);
  }
  return into;
}

function toCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? defuse(value) : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A text that a spreadsheet would run as a formula gets an apostrophe in front. */
const defuse = (text: string): string => (/^[=+\-@\t\r]/.test(text) && text !== '-' ? `'${text}` : text);

// The table of a run: every figure beside its target, missed ones marked.

/** @param report `{ rows: { what, value, unit, target?, stretch?, isFloor? }[], failed }` */
export function formatReport({ rows, failed }) {
  const cells = rows.map((row) => [row.what, `${formatNumber(row.value)} ${row.unit}`, targetOf(row), verdictOf(row)]);
  const table = [['what', 'measured', 'target', ''], ...cells];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((line) => line[column].length)));
  const lines = table.map((line) => line.map((text, column) => (column < 3 ? text.padEnd(widths[column]) : text)).join('  ').trimEnd());
  return [...lines, ...Object.keys(failed).map((group) => `(${group}) FAILED: ${failed[group].split('\n')[0]}`)].join('\n');
}

export function verdictOf({ value, target, stretch, isFloor = false }) {
  if (target === undefined) return '';
  const meets = (bound) => (isFloor ? value >= bound : value <= bound);
  if (!meets(target)) return 'MISSED';
  return stretch !== undefined && meets(stretch) ? 'met, and the stretch' : 'met';
}

function targetOf({ target, stretch, isFloor = false, unit }) {
  if (target === undefined) return '';
  const sign = isFloor ? '>=' : '<=';
  return `${sign} ${target}${unit === '%' ? ' %' : ''}${stretch === undefined ? '' : ` (stretch ${stretch})`}`;
}

function formatNumber(value) {
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en');
  return value.toFixed(Math.abs(value) >= 100 ? 0 : 2);
}

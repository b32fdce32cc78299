/** Header fields of one message, flat: name, value, name, value, ...; names in lower case, order as received. */
export type Fields = string[];

/** The first value of a field, or undefined. `name` in lower case. */
export function fieldValue(fields: readonly string[], name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
  return undefined;
}

/** All values of a field, in order. `name` in lower case. */
export function fieldValues(fields: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) values.push(fields[i + 1] ?? '');
  return values;
}

/** A copy without the fields whose name is dropped. */
export function withoutFields(fields: readonly string[], isDropped: (name: string) => boolean): Fields {
  const kept: Fields = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    if (!isDropped(name)) kept.push(name, fields[i + 1] ?? '');
  }
  return kept;
}

const numeric = /^\d{1,20}$/;
const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const hex = /^[0-9a-f]{16,64}$/i;

/** Ids in a path that no template names: numeric, UUID and long hex segments, at most four. */
export function findResourceIds(path: string): string[] {
  const ids: string[] = [];
  for (const segment of path.split('/')) {
    if (ids.length === 4) break;
    if (numeric.test(segment) || uuid.test(segment) || hex.test(segment)) ids.push(segment);
  }
  return ids;
}

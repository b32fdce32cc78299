/** A parsed path template such as `/api/products/{id}` or `/files/{path...}` (gateway/R1). */
export interface PathTemplate {
  /** Literal text of a segment; null where it is a parameter. The final `{name...}` is not among them. */
  readonly segments: readonly (string | null)[];
  /** Names of the parameters from the left, a final `{name...}` last. */
  readonly names: readonly string[];
  /** True when it ends in `{name...}`: one or more further segments, also an empty one (`/files/`). */
  readonly hasRest: boolean;
}

const parameterPattern = /^\{([A-Za-z_][A-Za-z0-9_]{0,62})(\.\.\.)?\}$/;
const segmentsMax = 32;

/** Parses a template; a string says what is wrong with it. Literal segments are to be in their normalised spelling. */
export function parsePathTemplate(text: string): PathTemplate | string {
  if (!text.startsWith('/')) return 'expected a template that starts with "/"';
  const parts = text.slice(1).split('/');
  if (parts.length > segmentsMax) return `expected at most ${segmentsMax} segments`;
  const segments: (string | null)[] = [];
  const names: string[] = [];
  let hasRest = false;
  for (const [at, part] of parts.entries()) {
    const parameter = parameterPattern.exec(part);
    if (parameter === null && /[{}]/.test(part)) return `expected a whole segment "{name}" or "{name...}", got "${part}"`;
    const name = parameter?.[1];
    if (name !== undefined && names.includes(name)) return `parameter {${name}} stands twice`;
    if (name !== undefined) names.push(name);
    hasRest = parameter?.[2] !== undefined;
    if (hasRest && at < parts.length - 1) return `{${name}...} must be the last segment`;
    if (!hasRest) segments.push(name === undefined ? part : null);
  }
  return { segments, names, hasRest };
}

/** The template's shape without names: two templates of one shape match the same paths. */
export function templateShape(template: PathTemplate): string {
  const segments = template.segments.map((segment) => `/${segment ?? '{}'}`);
  return segments.join('') + (template.hasRest ? '/{...}' : '');
}

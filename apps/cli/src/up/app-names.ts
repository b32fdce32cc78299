import { InvalidArgumentError } from 'commander';

/** The apps `tidegate up` can hold, in the order they start. */
export const appNames = ['analytics', 'limiter', 'egress', 'demo', 'ingress'] as const;

export type AppName = (typeof appNames)[number];

/** Parses `ingress,egress`. Throws InvalidArgumentError for anything else. */
export function parseAppNames(text: string): AppName[] {
  const asked = text.split(',').map((one) => one.trim());
  const unknown = asked.filter((one) => !(appNames as readonly string[]).includes(one));
  if (unknown.length > 0) throw new InvalidArgumentError(`no app "${unknown.join('", "')}"; there are ${appNames.join(', ')}.`);
  return appNames.filter((app) => asked.includes(app));
}

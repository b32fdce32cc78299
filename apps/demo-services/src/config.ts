import type { DemoRole, TidegateConfig } from '@tidegate/config';
import type { Secrets } from '@tidegate/auth';

/** What this app reads of the configuration. */
export type DemoConfig = Pick<TidegateConfig, 'demo' | 'listeners'>;

/** What this app reads of the secrets folder. */
export type DemoSecrets = Pick<Secrets, 'adminToken' | 'authSigningKey' | 'clients' | 'demoUsers'>;

/** Roles that have an address in the configuration, or those of them that were asked for. */
export function pickRoles({ demo }: DemoConfig, asked?: readonly DemoRole[]): DemoRole[] {
  const configured = (Object.keys(demo ?? {}) as (DemoRole | 'switches')[]).filter((key): key is DemoRole => key !== 'switches');
  const known = configured.filter((role) => demo?.[role] !== undefined);
  const unknown = asked?.filter((role) => !known.includes(role)) ?? [];
  if (unknown.length > 0) throw new Error(`demo services: no address for ${unknown.join(', ')}; give it one under "demo:" in tidegate.yaml`);
  return known.filter((role) => asked === undefined || asked.includes(role));
}

import type { EnsuredSecrets } from '@tidegate/auth';
import { demoRoles, reachable, type TidegateConfig } from '@tidegate/config';
import { formatAddress, type ListenAddress } from '@tidegate/units';
import { formatTable } from '../format-table.js';
import type { AppName } from './app-names.js';
import { opsAddress, splitApps } from './planned-listeners.js';

export interface BannerOptions {
  readonly file: string;
  readonly config: TidegateConfig;
  readonly apps: readonly AppName[];
  /** Since the process started. */
  readonly readyAfterMs: number;
  /** A token for the lines to try; none without the auth service. */
  readonly token: string | undefined;
}

const url = (address: ListenAddress): string => `http://${formatAddress(address)}`;

/** What listens where, and three lines to try. */
export function formatBanner({ file, config, apps, readyAfterMs, token }: BannerOptions): string {
  const head = `Tidegate is ready after ${(readyAfterMs / 1_000).toFixed(1)} s: ${file}, version ${config.configVersion}`;
  const table = formatTable([{ title: '  LISTENER' }, { title: 'ADDRESS' }, { title: 'FOR' }], listenerRows(config, apps).map(([name, ...rest]) => [`  ${name}`, ...rest]));
  const lines = apps.includes('ingress') ? linesToTry(config, token) : [];
  return [head, '', table, ...(lines.length === 0 ? [] : ['', 'Try:', ...lines.map((line) => `  ${line}`)]), '', 'Ctrl-C drains and stops; a second one stops at once.'].join('\n');
}

function listenerRows(config: TidegateConfig, apps: readonly AppName[]): [string, string, string][] {
  const { listeners, demo, secrets } = config;
  const rows: [AppName, string, string, string][] = [
    ['ingress', 'public', url(listeners.public.address), 'clients'],
    ...(listeners.replay === undefined ? [] : [['ingress', 'replay', url(listeners.replay.address), 'recorded traffic; believes X-Forwarded-For'] as [AppName, string, string, string]]),
    ['analytics', 'analytics', url(listeners.analytics.address), `JSON API; Bearer $(cat ${secrets.directory}/admin-token)`],
    ['limiter', 'limiter', formatAddress(listeners.limiter.address), 'gRPC tidegate.ratelimit.v1'],
    ['egress', 'egress', url(listeners.egress.address), 'ingress gateways with their token'],
    ...demoRoles.flatMap((role) => (demo?.[role] ?? []).map((address): [AppName, string, string, string] => ['demo', role, url(address), 'demo service'])),
  ];
  return [...rows.filter(([app]) => apps.includes(app)).map(([, ...row]) => row), ['ops', url(opsAddress(config, apps)), workerNote(config, apps)]];
}

function workerNote(config: TidegateConfig, apps: readonly AppName[]): string {
  const isOne = splitApps(config, apps).gateways.length === 0;
  return isOne ? '/healthz /readyz /metrics' : `/healthz /readyz /metrics of all, with ${config.workers} workers`;
}

function linesToTry({ listeners, routes }: TidegateConfig, token: string | undefined): string[] {
  const base = url(reachable(listeners.public.address));
  const hasRoute = (name: string): boolean => routes.some((route) => route.name === name);
  return [
    ...(hasRoute('products') ? [`curl -i ${base}/api/products`] : []),
    ...(token !== undefined && hasRoute('orders') ? [`curl -i ${base}/api/orders -H 'Authorization: Bearer ${token}'`] : []),
    'npx tidegate stats',
  ];
}

/** What the first start made, and passwords that are shown only now; '' when nothing was made. */
export function formatFirstStart({ directory, made, demoPasswords }: EnsuredSecrets): string {
  if (made.length === 0) return '';
  const lines = [`Made in ${directory} (readable by its owner only): ${made.join(', ')}`];
  if (demoPasswords.length > 0) lines.push('Demo users, their passwords are shown only now:', ...demoPasswords.map(({ name, password }) => `  ${name}  ${password}`));
  return lines.join('\n');
}

import { gatewayAttributes } from '@tidegate/rate-limit';
import type { ConfigProblem } from './config-error.js';
import { suggest } from './did-you-mean.js';
import type { ParsedParts } from './load-config.js';
import { formatPath, nodeAt, problemAt, type SourceNode, type SourcePath } from './source-tree.js';

/** What no schema of one part can see: names that another part defines, and ports that two parts want. */
export function findCrossProblems(tree: SourceNode, parts: ParsedParts): ConfigProblem[] {
  return [...findUnknownNames(tree), ...findSharedAddresses(tree), ...findProductionProblems(tree), ...findMissingAttributes(tree, parts)];
}

function findUnknownNames(tree: SourceNode): ConfigProblem[] {
  const services = keysAt(tree, ['services']);
  const policies = keysAt(tree, ['limiter', 'policies']);
  const providers = keysAt(tree, ['auth', 'providers']);
  return routePaths(tree).flatMap((route) => [
    ...unknownName(tree, [...route, 'service'], { what: 'service', known: services }),
    ...unknownName(tree, [...route, 'policy'], { what: 'policy', known: policies }),
    ...itemPaths(tree, [...route, 'auth', 'providers']).flatMap((path) => unknownName(tree, path, { what: 'provider', known: providers })),
  ]);
}

function unknownName(tree: SourceNode, path: SourcePath, { what, known }: { what: string; known: readonly string[] }): ConfigProblem[] {
  const node = nodeAt(tree, path);
  if (node?.kind !== 'scalar' || typeof node.value !== 'string' || known.includes(node.value)) return [];
  return [problemAt(node.place, path, `no ${what} "${node.value}"${suggest(node.value, known)}`)];
}

/** Every address something listens on, once; port 0 is whatever is free. */
function findSharedAddresses(tree: SourceNode): ConfigProblem[] {
  const listeners = keysAt(tree, ['listeners']).map((name) => ['listeners', name, 'address']);
  const demo = keysAt(tree, ['demo']).flatMap((role) => itemPaths(tree, ['demo', role]));
  const taken: { host: string; port: string; path: SourcePath }[] = [];
  const problems: ConfigProblem[] = [];
  for (const path of [...listeners, ...demo] as SourcePath[]) {
    const node = nodeAt(tree, path);
    const [, host, port] = (node?.kind === 'scalar' && typeof node.value === 'string' && /^(.+):(\d+)$/.exec(node.value)) || [];
    if (node === undefined || host === undefined || port === undefined || Number(port) === 0) continue;
    const other = taken.find((one) => one.port === port && overlaps(one.host, host));
    if (other !== undefined) problems.push(problemAt(node.place, path, `${host}:${port} is already taken by ${formatPath(other.path)}; give one of them another port`));
    taken.push({ host, port, path });
  }
  return problems;
}

const everyAddress = ['0.0.0.0', '[::]'];
const overlaps = (a: string, b: string): boolean => a === b || everyAddress.includes(a) || everyAddress.includes(b);

function findProductionProblems(tree: SourceNode): ConfigProblem[] {
  const production = nodeAt(tree, ['production']);
  if (production?.kind !== 'scalar' || production.value !== true) return [];
  const refused = [
    { path: ['listeners', 'replay'], why: 'believes any client address it is told; remove it, or set production: false' },
    { path: ['demo'], why: 'starts services with known users; remove it, or set production: false' },
  ];
  return refused.flatMap(({ path, why }) => {
    const node = nodeAt(tree, path);
    return node === undefined ? [] : [problemAt(node.place, path, `not with production: true: it ${why}`)];
  });
}

/** A policy that a route uses may only name what the ingress sends, or give a default. */
function findMissingAttributes(tree: SourceNode, { limiter, routes }: ParsedParts): ConfigProblem[] {
  if (limiter === undefined || routes === undefined) return [];
  const used = new Map(routes.map((route) => [route.policy ?? '', route.name]));
  return Object.entries(limiter.policies).flatMap(([name, policy]) => {
    const route = used.get(name);
    if (route === undefined) return [];
    const base: SourcePath = ['limiter', 'policies', name];
    const templates = [{ path: [...base, 'subject'], text: policy.subject }, ...policy.limits.map(({ key }, at) => ({ path: [...base, 'limits', at, 'key'], text: key }))];
    return templates.flatMap(({ path, text }) => missingIn(text).map((attribute) => problemAt(nodeAt(tree, path)?.place ?? tree.place, path, notSent(attribute, route))));
  });
}

function notSent(attribute: string, route: string): string {
  return `route "${route}" uses this policy, and a gateway does not send "${attribute}": give it a default such as {${attribute}|none}, or use another${suggest(attribute, gatewayAttributes)}`;
}

function missingIn(template: string): string[] {
  const named = [...template.matchAll(/\{([^{}|]+)\}/g)].map(([, attribute = '']) => attribute);
  return [...new Set(named)].filter((attribute) => !gatewayAttributes.some((sent) => sent === attribute));
}

function routePaths(tree: SourceNode): SourcePath[] {
  return itemPaths(tree, ['routes']);
}

function itemPaths(tree: SourceNode, path: SourcePath): SourcePath[] {
  const node = nodeAt(tree, path);
  return node?.kind === 'list' ? node.items.map((_, at) => [...path, at]) : [];
}

function keysAt(tree: SourceNode, path: SourcePath): string[] {
  const node = nodeAt(tree, path);
  return node?.kind === 'map' ? [...node.entries.keys()] : [];
}

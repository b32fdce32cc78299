import type { Secrets } from '@tidegate/auth';
import type { TidegateConfig } from '@tidegate/config';
import { createEventPublisher, createInProcessTransport, createKafkaTransport, createProcessTransport, type Deliver, type DeliverBytes, type EventPublisher, type EventTransport } from '@tidegate/event-publisher';
import type { LimiterLink } from '@tidegate/limiter-client';
import type { Observability } from '@tidegate/observability';
import { startOps, type AdminRoute } from '@tidegate/ops';
import type { EgressLink } from '@tidegate/proxy';
import { systemClock, type ListenAddress } from '@tidegate/units';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import type { AppName } from './app-names.js';

export interface StartOptions {
  readonly config: TidegateConfig;
  /** Where it was read: the limiter follows changes of its policies (limiter/G2). */
  readonly source: { readonly file: string; readonly env: NodeJS.ProcessEnv };
  readonly secrets: Secrets;
  readonly observability: Observability;
  readonly apps: readonly AppName[];
  /** Where to serve health, metrics and the admin API; absent: somebody else does. */
  readonly opsAddress?: ListenAddress;
  /** Takes events when analytics is not among the apps. */
  readonly accept?: Deliver | undefined;
  /** The same for the analytics of another process on this machine. */
  readonly deliverBytes?: DeliverBytes | undefined;
}

/** Apps that run in this process. */
export interface RunningApps {
  /** The analytics of this process, when events go there. */
  readonly accept: Deliver | undefined;
  /** The admin API of all, for the ops server. */
  readonly admin: readonly AdminRoute[];
  /** Stops what was started, last first: the gateways drain before what they use goes away. */
  readonly stop: () => Promise<void>;
}

/** What apps hand to those that start after them (gateway/U10). */
interface Shared extends StartOptions {
  readonly closers: (() => Promise<void>)[];
  readonly admin: AdminRoute[];
  accept?: Deliver | undefined;
  publisher?: EventPublisher;
  limiterLink?: LimiterLink;
  egressLink?: EgressLink;
}

/** Throws when apps that make events are wanted without what takes them. */
export function expectEventsToArrive({ events }: TidegateConfig, apps: readonly AppName[]): void {
  const makesEvents = apps.includes('limiter') || apps.includes('egress') || apps.includes('ingress');
  if (events.transport.kind !== 'in-process' || !makesEvents || apps.includes('analytics')) return;
  throw new CliError('events.transport is in-process, but analytics is not in this process: add analytics to --only, or configure events.transport.kafka', exitCodes.usage);
}

/** Starts the wanted apps in one process, with links between them that need no socket. Stops again when one fails. */
export async function startApps(options: StartOptions): Promise<RunningApps> {
  const shared: Shared = { ...options, closers: [], admin: [] };
  const stop = async (): Promise<void> => {
    for (const close of shared.closers.splice(0).toReversed()) await close();
  };
  try {
    if (has(shared, 'analytics')) await startAnalytics(shared);
    if (has(shared, 'limiter') || has(shared, 'egress') || has(shared, 'ingress')) openPublisher(shared);
    if (has(shared, 'limiter')) await startLimiter(shared);
    if (has(shared, 'egress')) await startEgress(shared);
    if (has(shared, 'demo')) await startDemo(shared);
    if (has(shared, 'ingress')) await startIngress(shared);
    await startOpsServer(shared);
    return { accept: shared.accept, admin: shared.admin, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const has = ({ apps }: Shared, app: AppName): boolean => apps.includes(app);

async function startAnalytics(shared: Shared): Promise<void> {
  const { bootstrap } = await import('@tidegate/analytics-consumer');
  const running = await bootstrap({ ...shared, ops: false, listen: true });
  shared.accept = (batch, partition) => running.accept(batch, partition);
  shared.closers.push(() => running.close());
}

function openPublisher(shared: Shared): void {
  const { logger, registry, instance } = shared.observability;
  const publisher = createEventPublisher({ config: shared.config.events, transport: openTransport(shared), instance: `up-${instance}`, clock: systemClock, logger, registry });
  shared.publisher = publisher;
  shared.closers.push(() => publisher.close());
}

function openTransport({ config, accept, deliverBytes }: Shared): EventTransport {
  const { transport } = config.events;
  if (transport.kind === 'kafka') return createKafkaTransport(transport);
  if (deliverBytes !== undefined) return createProcessTransport({ deliver: deliverBytes });
  if (accept === undefined) throw new TypeError('nobody takes the events');
  return createInProcessTransport({ deliver: accept });
}

async function startLimiter(shared: Shared): Promise<void> {
  const { bootstrap, watchPolicies } = await import('@tidegate/rate-limiter');
  const running = await bootstrap({ ...shared, publisher: publisherOf(shared), ops: false, listen: true });
  const unwatch = watchPolicies({ ...shared.source, configVersion: shared.config.configVersion, limiter: running });
  shared.limiterLink = running.link;
  shared.closers.push(() => {
    unwatch();
    return running.close();
  });
}

async function startEgress(shared: Shared): Promise<void> {
  const { bootstrap } = await import('@tidegate/egress-gateway');
  // Behind an ingress of this process it stops when that has drained: nobody has to be told before.
  const drain = has(shared, 'ingress') ? { ...shared.config.drain, delayMs: 0 } : shared.config.drain;
  const running = await bootstrap({ ...shared, config: { ...shared.config, drain }, publisher: publisherOf(shared), ops: false, listen: true });
  shared.egressLink = running.link;
  shared.admin.push(...running.admin);
  shared.closers.push(() => running.close());
}

async function startDemo(shared: Shared): Promise<void> {
  const { bootstrap } = await import('@tidegate/demo-services');
  const running = await bootstrap({ ...shared, ops: false });
  shared.closers.push(() => running.close());
}

async function startIngress(shared: Shared): Promise<void> {
  const { bootstrap } = await import('@tidegate/ingress-gateway');
  const running = await bootstrap({ ...shared, publisher: publisherOf(shared), ops: false });
  shared.closers.push(() => running.close());
}

async function startOpsServer({ opsAddress: address, secrets, observability, admin, closers }: Shared): Promise<void> {
  if (address === undefined) return;
  const ops = await startOps({ address, observability, adminToken: secrets.adminToken, admin });
  closers.unshift(() => ops.close());
}

function publisherOf({ publisher }: Shared): EventPublisher {
  if (publisher === undefined) throw new TypeError('the publisher is opened before the apps that use it');
  return publisher;
}

import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import type { LimiterLink } from '@tidegate/limiter-client';
import { startOps, type OpsServer } from '@tidegate/ops';
import type { EgressLink } from '@tidegate/proxy';
import { systemClock, type Clock, type ListenAddress } from '@tidegate/units';
import { AppModule, tokens, type AppParts } from './app.module.js';
import type { OpenedAuthenticator } from './open-authenticator.js';
import type { GatewayListeners } from './gateway-server.js';

export interface BootstrapOptions extends Omit<AppParts, 'clock'> {
  readonly clock?: Clock;
  /** Start the ops server too; in one process another app's server shows everything. */
  readonly ops: boolean;
}

/** A running ingress gateway. */
export interface RunningIngress {
  /** Where its listeners are bound, by name. */
  readonly addresses: ReadonlyMap<string, ListenAddress>;
  /** Drains (gateway/H12): not ready, everything in flight finishes, then what it holds is closed. */
  close(): Promise<void>;
}

/**
 * Starts the ingress gateway.
 * @throws the listen error of one of its ports, with the address in its message
 */
export async function bootstrap(options: BootstrapOptions): Promise<RunningIngress> {
  const { config, secrets, observability, clock = systemClock } = options;
  observability.health.set('ingress-gateway', false, 'starting');
  const app = await NestFactory.createApplicationContext(AppModule.create({ ...options, clock }), { logger: false, abortOnError: false });
  const parts: { ops?: OpsServer } = {};
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= stop(app, options, parts.ops));
  try {
    if (options.ops) parts.ops = await startOps({ address: config.listeners.ops.address, observability, adminToken: secrets.adminToken });
    const addresses = await app.get<GatewayListeners>(tokens.listeners).listen();
    observability.health.set('ingress-gateway', true);
    return { addresses, close };
  } catch (error) {
    await app.get<GatewayListeners>(tokens.listeners).close();
    await close();
    throw error;
  }
}

/** The listeners drain before anything the stages need is closed; links of other apps are theirs to close. */
async function stop(app: INestApplicationContext, options: BootstrapOptions, ops: OpsServer | undefined): Promise<void> {
  options.observability.health.set('ingress-gateway', false, 'draining');
  await app.get<GatewayListeners>(tokens.listeners).drain(options.config.drain);
  if (options.limiterLink === undefined) await app.get<LimiterLink>(tokens.limiterLink).close();
  if (options.egressLink === undefined) await app.get<EgressLink>(tokens.egressLink).close();
  await app.get<OpenedAuthenticator>(tokens.authenticator).close();
  await app.close();
  await ops?.close();
}

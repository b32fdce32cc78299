import { Module, type DynamicModule, type FactoryProvider } from '@nestjs/common';
import { createInternalTokens } from '@tidegate/auth';
import { linkTargets } from '@tidegate/config';
import type { EventPublisher } from '@tidegate/event-publisher';
import type { LimiterLink } from '@tidegate/limiter-client';
import type { Observability } from '@tidegate/observability';
import type { Pipeline } from '@tidegate/pipeline';
import { createNetworkEgressLink, type EgressLink } from '@tidegate/proxy';
import type { Clock } from '@tidegate/units';
import type { IngressGatewayConfig, IngressGatewaySecrets } from './config.js';
import { openAuthenticator, type OpenedAuthenticator } from './open-authenticator.js';
import { GatewayListeners, trustByListener } from './gateway-server.js';
import { createIngressEvents, type IngressEvents } from './ingress-events.js';
import type { IngressExchange } from './ingress-exchange.js';
import { createIngressMetrics } from './ingress-metrics.js';
import { openLimiterLink } from './open-limiter-link.js';
import { createPipeline } from './pipeline.js';
import { createRequestLog } from './request-log.js';
import { buildSnapshot, type Snapshot } from './snapshot.js';

/** What the app is given from outside. */
export interface AppParts {
  readonly config: IngressGatewayConfig;
  readonly secrets: IngressGatewaySecrets;
  readonly observability: Observability;
  readonly publisher: EventPublisher;
  readonly clock: Clock;
  /** The limiter and egress of the same process (gateway/U10); without, both are reached over the network. */
  readonly limiterLink?: LimiterLink | undefined;
  readonly egressLink?: EgressLink | undefined;
}

/** Tokens of what lives as long as the app. */
export const tokens = {
  authenticator: Symbol('authenticator'),
  egressLink: Symbol('egress link'),
  events: Symbol('events'),
  limiterLink: Symbol('limiter link'),
  listeners: Symbol('listeners'),
  pipeline: Symbol('pipeline'),
  snapshot: Symbol('snapshot'),
} as const;

/** Table of contents of the ingress gateway, in dependency order. */
@Module({})
export class AppModule {
  static create({ config, secrets, observability, publisher, clock, limiterLink, egressLink }: AppParts): DynamicModule {
    const { logger, instance, registry } = observability;
    const providers: FactoryProvider[] = [
      { provide: tokens.snapshot, useFactory: () => buildSnapshot(config) },
      { provide: tokens.authenticator, useFactory: () => openAuthenticator({ config, observability, clock }) },
      { provide: tokens.limiterLink, useFactory: () => limiterLink ?? openLimiterLink({ config, instance, clock, logger }) },
      { provide: tokens.egressLink, useFactory: () => egressLink ?? createNetworkEgressLink({ targets: linkTargets(config).egress, clock }) },
      { provide: tokens.events, useFactory: () => createIngressEvents({ publisher, instance, configVersion: () => config.configVersion, clock }) },
      {
        provide: tokens.pipeline,
        inject: [tokens.snapshot, tokens.authenticator, tokens.limiterLink, tokens.egressLink, tokens.events],
        // Nest hands each injected part over as a parameter of its own.
        // oxlint-disable-next-line eslint/max-params
        useFactory: (snapshot: Snapshot, { authenticator }: OpenedAuthenticator, limiter: LimiterLink, egress: EgressLink, events: IngressEvents) => {
          const listeners = trustByListener(config);
          const internal = createInternalTokens({ ...secrets.internalTokenKey, instance, clock });
          return createPipeline({
            isTrustedPeer: ({ peer }) => listeners.get(peer.listener)?.isTrusted(peer.address) ?? false,
            listeners,
            events,
            metrics: createIngressMetrics(registry),
            log: createRequestLog(logger, clock),
            snapshot: () => snapshot,
            authenticator,
            limiter,
            forward: { link: egress, internalToken: () => internal.current(), clock },
            clock,
          });
        },
      },
      {
        provide: tokens.listeners,
        inject: [tokens.pipeline, tokens.events],
        useFactory: (pipeline: Pipeline<IngressExchange>, events: IngressEvents) =>
          new GatewayListeners({ config, pipeline, events, logger, registry, clock }),
      },
    ];
    return { module: AppModule, providers };
  }
}

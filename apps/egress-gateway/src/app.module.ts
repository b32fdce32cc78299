import { Module, type DynamicModule, type FactoryProvider } from '@nestjs/common';
import { createInternalTokens } from '@tidegate/auth';
import type { EventPublisher } from '@tidegate/event-publisher';
import { createLineCap, type Observability } from '@tidegate/observability';
import type { Pipeline } from '@tidegate/pipeline';
import { DeadlineWheel } from '@tidegate/proxy';
import type { Clock } from '@tidegate/units';
import type { EgressGatewayConfig, EgressGatewaySecrets } from './config.js';
import { createServices, type Services } from './create-services.js';
import { createEgressEvents, type EgressEvents } from './egress-events.js';
import type { EgressExchange } from './egress-exchange.js';
import { createEgressMetrics, type EgressMetrics } from './egress-metrics.js';
import { createInProcessLink } from './in-process-link.js';
import { createPipeline } from './pipeline.js';
import { buildSnapshot, type Snapshot } from './snapshot.js';

/** What the app is given from outside. */
export interface AppParts {
  readonly config: EgressGatewayConfig;
  readonly secrets: EgressGatewaySecrets;
  readonly observability: Observability;
  readonly publisher: Pick<EventPublisher, 'publish'>;
  readonly clock: Clock;
}

/** Tokens of what lives as long as the app. */
export const tokens = {
  deadlines: Symbol('deadlines'),
  events: Symbol('events'),
  link: Symbol('link'),
  mayLog: Symbol('mayLog'),
  metrics: Symbol('metrics'),
  pipeline: Symbol('pipeline'),
  services: Symbol('services'),
  snapshot: Symbol('snapshot'),
} as const;

type PipelineInjected = [DeadlineWheel, EgressMetrics, EgressEvents, Snapshot, () => boolean];

/** Table of contents of the egress gateway, in dependency order. */
@Module({})
export class AppModule {
  static create({ config, secrets, observability, publisher, clock }: AppParts): DynamicModule {
    const { logger, instance, registry } = observability;
    const { configVersion, routes } = config;
    const providers: FactoryProvider[] = [
      { provide: tokens.mayLog, useFactory: () => createLineCap({ logger, clock }) },
      { provide: tokens.deadlines, useFactory: () => new DeadlineWheel(clock) },
      { provide: tokens.metrics, useFactory: () => createEgressMetrics(registry) },
      { provide: tokens.events, useFactory: () => createEgressEvents({ publisher, instance, configVersion: () => configVersion, clock }) },
      {
        provide: tokens.services,
        inject: [tokens.metrics, tokens.events],
        useFactory: (metrics: EgressMetrics, events: EgressEvents) =>
          createServices({ config: config.services, clock, metrics, events, logger }),
      },
      {
        provide: tokens.snapshot,
        inject: [tokens.services],
        useFactory: (services: Services) => buildSnapshot(configVersion, routes, services),
      },
      {
        provide: tokens.pipeline,
        inject: [tokens.deadlines, tokens.metrics, tokens.events, tokens.snapshot, tokens.mayLog],
        useFactory: (...[deadlines, metrics, events, snapshot, mayLog]: PipelineInjected) =>
          createPipeline({
            clock,
            deadlines,
            events,
            logger,
            mayLog,
            metrics,
            snapshot: () => snapshot,
            tokens: createInternalTokens({ ...secrets.internalTokenKey, instance, clock }),
            random: Math.random,
          }),
      },
      {
        provide: tokens.link,
        inject: [tokens.pipeline],
        useFactory: (pipeline: Pipeline<EgressExchange>) => createInProcessLink(pipeline, clock),
      },
    ];
    return { module: AppModule, providers };
  }
}

import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import type { Observability } from '@tidegate/observability';
import type { Clock } from '@tidegate/units';
import { AnalyticsController, ENDPOINTS } from './analytics.controller.js';
import type { AnalyticsAppConfig } from './config.js';
import { createBatchConsumer, type BatchConsumer } from './consume-batch.js';
import { createConsumeMetrics, type ConsumeMetrics } from './consume-metrics.js';
import { startKafkaConsumer, type KafkaConsumer } from './kafka-consumer.js';
import { startMaintenance, type Maintenance } from './maintenance.js';
import type { Store } from './open-store.js';
import { createEndpoints } from './query/endpoints.js';
import { createReaders, type Readers } from './query/readers.js';
import { createRetention } from './retention.js';
import { createRollup } from './rollup.js';
import { createSink, type Sink } from './sink.js';

/** Tokens of what has a lifetime. */
export const tokens = {
  sink: Symbol('sink'),
  metrics: Symbol('metrics'),
  batches: Symbol('batches'),
  maintenance: Symbol('maintenance'),
  readers: Symbol('readers'),
  kafka: Symbol('kafka'),
} as const;

export interface AppParts {
  readonly config: AnalyticsAppConfig;
  readonly observability: Observability;
  readonly clock: Clock;
  readonly store: Store;
}

/** The app's parts, in the order of what they need. */
@Module({})
export class AppModule {
  static create({ config, observability, clock, store }: AppParts): DynamicModule {
    const { raw, minutes, queryTimeoutMs, consumerGroup } = config.analytics;
    const { transport } = config.events;
    const providers: Provider[] = [
      { provide: tokens.sink, useFactory: () => createSink(store) },
      { provide: tokens.metrics, useFactory: () => createConsumeMetrics(observability) },
      {
        provide: tokens.batches,
        useFactory: (sink: Sink, metrics: ConsumeMetrics) => createBatchConsumer({ sink, clock, metrics }),
        inject: [tokens.sink, tokens.metrics],
      },
      {
        provide: tokens.maintenance,
        useFactory: (sink: Sink): Maintenance =>
          startMaintenance({ rollup: createRollup({ sink, clock }), retain: createRetention({ sink, clock, raw, minutes }), observability }),
        inject: [tokens.sink],
      },
      { provide: tokens.readers, useFactory: () => createReaders({ store, timeoutMs: queryTimeoutMs }) },
      { provide: ENDPOINTS, useFactory: (readers: Readers) => createEndpoints({ readers, clock }), inject: [tokens.readers] },
      {
        provide: tokens.kafka,
        useFactory: (batches: BatchConsumer, metrics: ConsumeMetrics): KafkaConsumer | undefined =>
          transport.kind === 'kafka' ? startKafkaConsumer({ kafka: transport, group: consumerGroup, batches, metrics, observability }) : undefined,
        inject: [tokens.batches, tokens.metrics],
      },
    ];
    return { module: AppModule, controllers: [AnalyticsController], providers };
  }
}

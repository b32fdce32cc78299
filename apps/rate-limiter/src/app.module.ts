import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import type { Observability } from '@tidegate/observability';
import { compilePolicies } from '@tidegate/rate-limit';
import type { Clock } from '@tidegate/units';
import { CheckLimit } from './check-limit.js';
import { ClientGroups } from './client-groups.js';
import type { RateLimiterConfig } from './config.js';
import { createDenialLog } from './denial-log.js';
import { DirectLink } from './direct-link.js';
import { LimiterMetrics } from './limiter-metrics.js';
import { OpenChecks } from './open-check.js';
import type { OpenedStore } from './open-store.js';
import { PolicySnapshot } from './policy-snapshot.js';
import { RateLimiterController } from './rate-limiter.controller.js';
import { StoreGuard } from './store-guard.js';
import { StreamSessions } from './stream-sessions.js';
import { UnaryChecks } from './unary-checks.js';

/** Most checks open in a process (limiter/F4). */
const openChecksMax = 8_192;

export interface AppParts {
  readonly config: RateLimiterConfig;
  readonly observability: Observability;
  readonly clock: Clock;
  readonly store: OpenedStore;
  readonly onStoreChange: (what: 'degraded' | 'recovered', detail: string) => void;
}

/** The app's parts, in the order of what they need. */
@Module({})
export class AppModule {
  static create({ config, observability, clock, store, onStoreChange }: AppParts): DynamicModule {
    const { limiter, configVersion } = config;
    const { logger, registry, instance } = observability;
    const { shared, buckets, timeoutMs } = store;
    const open = new OpenChecks(openChecksMax);
    const providers: Provider[] = [
      { provide: PolicySnapshot, useFactory: () => new PolicySnapshot(compilePolicies(limiter, configVersion), clock) },
      { provide: ClientGroups, useFactory: () => new ClientGroups() },
      {
        provide: StoreGuard,
        useFactory: (groups: ClientGroups) =>
          new StoreGuard({ shared, instance, groups, replicasMin: limiter.replicasMin, clock, logger, onChange: onStoreChange }),
        inject: [ClientGroups],
      },
      {
        provide: LimiterMetrics,
        useFactory: (guard: StoreGuard, groups: ClientGroups) =>
          new LimiterMetrics(registry, { isDegraded: () => guard.health.isDegraded, replicas: () => guard.replicas, streams: () => groups.streams, openChecks: () => open.count }),
        inject: [StoreGuard, ClientGroups],
      },
      {
        provide: CheckLimit,
        useFactory: (snapshot: PolicySnapshot, guard: StoreGuard, metrics: LimiterMetrics) =>
          new CheckLimit({ snapshot, store: buckets, guard, metrics, open, timeoutMs, clock, logDenial: createDenialLog(logger, clock) }),
        inject: [PolicySnapshot, StoreGuard, LimiterMetrics],
      },
      { provide: DirectLink, useFactory: (checkLimit: CheckLimit) => new DirectLink(checkLimit, clock), inject: [CheckLimit] },
      { provide: UnaryChecks, useFactory: (link: DirectLink) => new UnaryChecks(link, clock), inject: [DirectLink] },
      {
        provide: StreamSessions,
        useFactory: (checkLimit: CheckLimit, groups: ClientGroups) => new StreamSessions({ checkLimit, groups, clock }),
        inject: [CheckLimit, ClientGroups],
      },
    ];
    return { module: AppModule, controllers: [RateLimiterController], providers };
  }
}

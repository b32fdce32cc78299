import { linkTargets } from '@tidegate/config';
import { createLimiterClient, type LimiterLink } from '@tidegate/limiter-client';
import type { Logger } from '@tidegate/observability';
import { compilePolicies } from '@tidegate/rate-limit';
import type { Clock } from '@tidegate/units';
import type { IngressGatewayConfig } from './config.js';

export interface OpenLimiterLinkOptions {
  readonly config: IngressGatewayConfig;
  readonly instance: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The limiters over the network. With the policies at hand `local` keeps every limit by its own key (limiter/C4). */
export function openLimiterLink({ config, instance, clock, logger }: OpenLimiterLinkOptions): LimiterLink {
  const policies = compilePolicies(config.limiter, config.configVersion);
  const targets = linkTargets(config).limiter;
  return createLimiterClient({ targets, tls: config.links.limiterTls, clientGroup: 'ingress', instance, clock, logger, policies: () => policies });
}

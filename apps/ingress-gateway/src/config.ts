import type { Secrets } from '@tidegate/auth';
import type { TidegateConfig } from '@tidegate/config';

/** The part of the configuration this app reads. */
export type IngressGatewayConfig = Pick<
  TidegateConfig,
  'auth' | 'configVersion' | 'consumers' | 'drain' | 'events' | 'limiter' | 'links' | 'routes' | 'secrets' | 'listeners' | 'services'
>;

/** The secrets this app uses. */
export type IngressGatewaySecrets = Pick<Secrets, 'adminToken' | 'internalTokenKey'>;

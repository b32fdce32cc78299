import type { Secrets } from '@tidegate/auth';
import type { TidegateConfig } from '@tidegate/config';

/** The part of the configuration this app reads. */
export type EgressGatewayConfig = Pick<TidegateConfig, 'configVersion' | 'drain' | 'egress' | 'routes' | 'services'> & {
  readonly listeners: Pick<TidegateConfig['listeners'], 'egress' | 'ops'>;
};

/** The secrets this app uses. */
export type EgressGatewaySecrets = Pick<Secrets, 'adminToken' | 'internalTokenKey'>;

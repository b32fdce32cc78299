import type { LimiterConfig } from '@tidegate/rate-limit';
import type { ListenAddress } from '@tidegate/units';
import type { ServerTlsFiles } from './certificate-files.js';

/** The parts of the one configuration that this app uses. */
export interface RateLimiterConfig {
  readonly limiter: LimiterConfig;
  readonly configVersion: string;
  readonly listeners: {
    readonly limiter: { readonly address: ListenAddress; readonly tls?: ServerTlsFiles | undefined };
    readonly ops: { readonly address: ListenAddress };
  };
}

/** The one secret this app needs: who may call the admin routes of its ops port. */
export interface RateLimiterSecrets {
  readonly adminToken: string;
}

import { createApiKeyStore, createAuthenticator, type ApiKeyStore, type Authenticator } from '@tidegate/auth';
import { apiKeyPlaceOf } from '@tidegate/config';
import type { Observability } from '@tidegate/observability';
import type { Clock } from '@tidegate/units';
import type { IngressGatewayConfig } from './config.js';

export interface OpenAuthenticatorOptions {
  readonly config: IngressGatewayConfig;
  readonly observability: Observability;
  readonly clock: Clock;
}

/** The authenticator and the key store it looks into. */
export interface OpenedAuthenticator {
  readonly authenticator: Authenticator;
  close(): Promise<void>;
}

/** Opens the providers of a configuration (gateway/A1, A4). */
export function openAuthenticator({ config, observability, clock }: OpenAuthenticatorOptions): OpenedAuthenticator {
  const { auth, consumers } = config;
  const { logger, health } = observability;
  const takesApiKeys = Object.values(auth.providers).some(({ type }) => type === 'apiKey');
  const apiKeys: ApiKeyStore | undefined = takesApiKeys ? createApiKeyStore({ place: apiKeyPlaceOf(config), clock, logger, health }) : undefined;
  const authenticator = createAuthenticator({ auth, consumers, apiKeys, clock, logger, health });
  return {
    authenticator,
    close: async () => {
      authenticator.close();
      await apiKeys?.close();
    },
  };
}

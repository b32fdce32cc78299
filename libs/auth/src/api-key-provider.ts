import type { Clock } from '@tidegate/units';
import { isApiKey, isInForce, type ApiKeyRecord } from './api-key.js';
import type { ApiKeyStore } from './api-key-store.js';
import type { ApiKeyProviderConfig } from './auth-schema.js';
import { toOutcome } from './auth-outcome.js';
import { cannotCheckYet } from './challenges.js';
import type { ConsumersConfig } from './consumers-schema.js';
import { findApiKey } from './credential.js';
import type { Principal } from './principal.js';
import type { Provider } from './provider.js';
import { TokenError } from './token-error.js';

/** What an API key provider works with. */
export interface ApiKeyProviderOptions {
  readonly name: string;
  readonly config: ApiKeyProviderConfig;
  readonly store: ApiKeyStore;
  readonly clock: Clock;
  readonly consumers: ConsumersConfig;
}

/** A provider that takes API keys (gateway/A4); it always answers without a promise. */
export function createApiKeyProvider({ name, config, store, clock, consumers }: ApiKeyProviderOptions): Provider {
  /** One principal per record: a changed record is another object. */
  const principals = new WeakMap<ApiKeyRecord, Principal>();
  const principalOf = (record: ApiKeyRecord): Principal => {
    const known = principals.get(record);
    if (known !== undefined) return known;
    const principal = toPrincipal(record, consumers);
    principals.set(record, principal);
    return principal;
  };
  return {
    name,
    scheme: 'ApiKey',
    queryParameter: undefined,
    find: (request) => findApiKey(config.header, request),
    check(credential) {
      const record = findRecord(store, credential.value);
      if (record === undefined || !isInForce(record, clock.nowMs())) throw new TokenError('The API key is not valid');
      return toOutcome(principalOf(record), name, credential);
    },
    close: () => undefined,
  };
}

function findRecord(store: ApiKeyStore, key: string): ApiKeyRecord | undefined {
  if (!isApiKey(key)) return undefined;
  try {
    return store.find(key);
  } catch (err) {
    throw cannotCheckYet('API keys are not loaded yet', err);
  }
}

function toPrincipal(record: ApiKeyRecord, consumers: ConsumersConfig): Principal {
  const plan = record.plan ?? consumers[record.consumer]?.plan;
  return {
    kind: 'api-key',
    id: record.id,
    consumer: record.consumer,
    ...(plan === undefined ? {} : { plan }),
    scopes: record.scopes,
    roles: [],
    claims: {},
  };
}

import { Fault } from '@tidegate/fault';
import type { Clock } from '@tidegate/units';
import type { ApiKeyStore } from './api-key-store.js';
import { createApiKeyProvider } from './api-key-provider.js';
import { toStaticKey, type AuthConfig, type JwtProviderConfig, type ProviderConfig } from './auth-schema.js';
import { anonymousOutcome, type AuthOutcome } from './auth-outcome.js';
import { challengeFields, credentialSentTwice, formatChallenge } from './challenges.js';
import { createConsumerIndex, type ConsumersConfig } from './consumers-schema.js';
import { withoutParameter, type Credential, type CredentialRequest } from './credential.js';
import { createJwksSource, type AuthLogger, type HealthSink } from './jwks-source.js';
import { createJwtProvider } from './jwt-provider.js';
import { createStaticKeySource, type KeySource } from './key-source.js';
import type { Provider } from './provider.js';
import { TokenError } from './token-error.js';

/** What a route takes: names of providers in order, and whether nobody in particular may come too. */
export interface AuthRule {
  readonly providers: readonly string[];
  readonly optional: boolean;
}

/** Finds out who a request is. */
export interface Authenticator {
  /**
   * The first provider of the rule whose credential is present decides; a bad credential never falls through. Without a
   * rule everybody is anonymous. Throws, or rejects with, a Fault that carries the challenges. Answers without a promise
   * when the token was verified before.
   */
  authenticate(rule: AuthRule | undefined, request: CredentialRequest): AuthOutcome | Promise<AuthOutcome>;
  /** The 401 for an anonymous request whose route requires more than that. */
  demandCredential(rule: AuthRule | undefined): Fault;
  close(): void;
}

/** What the providers work with. */
export interface AuthenticatorOptions {
  readonly auth: AuthConfig;
  readonly consumers: ConsumersConfig;
  /** Needed when a provider takes API keys; its owner closes it. */
  readonly apiKeys?: ApiKeyStore | undefined;
  readonly clock: Clock;
  readonly logger: AuthLogger;
  readonly health: HealthSink;
}

/** Creates the providers of a configuration; key sets start to load. Throws a TypeError when a part is missing. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const providers = new Map(
    Object.entries(options.auth.providers).map(([name, config]) => [name, createProvider(name, config, options)]),
  );
  const rules = new WeakMap<AuthRule, Provider[]>();
  const providersOf = (rule: AuthRule): Provider[] => {
    const known = rules.get(rule);
    if (known !== undefined) return known;
    const found = rule.providers.map((name) => {
      const provider = providers.get(name);
      if (provider === undefined) throw new TypeError(`there is no auth provider "${name}"`);
      return provider;
    });
    rules.set(rule, found);
    return found;
  };
  return {
    authenticate(rule, request) {
      if (rule === undefined) return anonymousOutcome;
      const candidates = providersOf(rule);
      for (const provider of candidates) {
        const credential = provider.find(request);
        if (credential !== undefined) return decide(candidates, provider, { request, credential });
      }
      if (rule.optional) return anonymousOutcome;
      throw unauthenticated(candidates);
    },
    demandCredential: (rule) => unauthenticated(rule === undefined ? [] : providersOf(rule)),
    close: () => providers.forEach((provider) => provider.close()),
  };
}

function decide(
  candidates: readonly Provider[],
  provider: Provider,
  found: { request: CredentialRequest; credential: Credential },
): AuthOutcome | Promise<AuthOutcome> {
  const { request, credential } = found;
  if (candidates.length > 1 && provider.scheme === 'Bearer') refuseSecondToken(candidates, provider, found);
  try {
    const outcome = provider.check(credential);
    if (!(outcome instanceof Promise)) return withCleanQuery(candidates, request, outcome);
    return outcome.then(
      (checked) => withCleanQuery(candidates, request, checked),
      (err: unknown) => {
        throw toRefusal(candidates, provider, err);
      },
    );
  } catch (err) {
    throw toRefusal(candidates, provider, err);
  }
}

/** Another provider sees a bearer token in another place: two tokens, and no saying which one counts. */
function refuseSecondToken(
  candidates: readonly Provider[],
  provider: Provider,
  { request, credential }: { request: CredentialRequest; credential: Credential },
): void {
  for (const other of candidates) {
    if (other === provider || other.scheme !== 'Bearer') continue;
    const second = other.find(request);
    if (second !== undefined && (second.field !== credential.field || second.cookie !== credential.cookie))
      throw credentialSentTwice('two bearer tokens, for two providers');
  }
}

function withCleanQuery(candidates: readonly Provider[], { query }: CredentialRequest, outcome: AuthOutcome): AuthOutcome {
  let clean = query;
  for (const { queryParameter } of candidates)
    if (queryParameter !== undefined) clean = withoutParameter(clean, queryParameter);
  return clean === query ? outcome : { ...outcome, query: clean };
}

function unauthenticated(candidates: readonly Provider[]): Fault {
  return new Fault('unauthenticated', 'no credential', {
    fields: challengeFields(candidates.map(({ scheme }) => formatChallenge(scheme))),
  });
}

function toRefusal(candidates: readonly Provider[], provider: Provider, err: unknown): unknown {
  if (!(err instanceof TokenError)) return err;
  const problem = { error: 'invalid_token' as const, description: err.message };
  const challenges = candidates.map((each) => formatChallenge(each.scheme, each === provider ? problem : undefined));
  return new Fault('invalid-token', `provider ${provider.name}: ${err.message}`, {
    fields: challengeFields(challenges),
    cause: err,
  });
}

function createProvider(name: string, config: ProviderConfig, options: AuthenticatorOptions): Provider {
  const { clock, consumers, apiKeys } = options;
  if (config.type === 'jwt') {
    return createJwtProvider({
      name,
      config,
      keys: createKeySource(name, config, options),
      clock,
      consumers,
      findConsumer: createConsumerIndex(consumers),
    });
  }
  if (apiKeys === undefined) throw new TypeError(`auth provider "${name}" takes API keys, and there is no store of them`);
  return createApiKeyProvider({ name, config, store: apiKeys, clock, consumers });
}

function createKeySource(
  provider: string,
  { keys }: JwtProviderConfig,
  { clock, logger, health }: AuthenticatorOptions,
): KeySource {
  if (keys.kind === 'jwks') return createJwksSource({ provider, url: keys.url, clock, logger, health });
  const key = toStaticKey(keys);
  if (key === undefined) throw new TypeError(`auth provider "${provider}" has no key`);
  return createStaticKeySource(key);
}

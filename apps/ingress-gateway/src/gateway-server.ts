import { gauge, type Logger, type Registry } from '@tidegate/observability';
import type { Pipeline } from '@tidegate/pipeline';
import { compileTrustedProxies, createGatewayServer, reservedFields, type DrainConfig, type GatewayServer, type ListenerConfig } from '@tidegate/proxy';
import { type Clock, type ListenAddress } from '@tidegate/units';
import type { IngressGatewayConfig } from './config.js';
import type { IngressEvents } from './ingress-events.js';
import { IngressExchange } from './ingress-exchange.js';
import type { ListenerTrust } from './stages/resolve-client.js';

export interface GatewayListenersOptions {
  readonly config: IngressGatewayConfig;
  readonly pipeline: Pipeline<IngressExchange>;
  readonly events: IngressEvents;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly clock: Clock;
}

/** The client-facing listeners of a configuration, by name. */
function clientListeners({ listeners }: IngressGatewayConfig): [string, ListenerConfig][] {
  const all: [string, ListenerConfig | undefined][] = [['public', listeners.public], ['replay', listeners.replay]];
  return all.filter((entry): entry is [string, ListenerConfig] => entry[1] !== undefined);
}

/** Whom each client-facing listener believes, by its name. */
export function trustByListener(config: IngressGatewayConfig): ReadonlyMap<string, ListenerTrust> {
  return new Map(
    clientListeners(config).map(([name, { clientAddressFrom, trustedProxies }]) => [
      name,
      { source: clientAddressFrom, isTrusted: compileTrustedProxies(trustedProxies) },
    ]),
  );
}

/** All client-facing listeners of an ingress gateway: one pipeline behind them. */
export class GatewayListeners {
  readonly #servers: ReadonlyMap<string, GatewayServer<IngressExchange>>;

  constructor({ config, pipeline, events, logger, registry, clock }: GatewayListenersOptions) {
    const configured = clientListeners(config);
    const isDurable = config.events.durability === 'disk';
    this.#servers = new Map(
      configured.map(([name, listener]) => [
        name,
        createGatewayServer({
          name,
          address: listener.address,
          target: listener,
          allowUnderscoreFields: listener.allowUnderscoreFields,
          ...(listener.clientAddressFrom === 'proxy-protocol' ? { proxyHeaderFrom: compileTrustedProxies(listener.trustedProxies) } : {}),
          createExchange: (parts) => new IngressExchange(parts, { clock, isDurable }),
          onExchange: pipeline,
          onRefused: (refusal) => events.headRefused(refusal),
          refusalFields: () => [reservedFields.config, config.configVersion],
          logger,
          clock,
        }),
      ]),
    );
    const servers = this.#servers;
    gauge(registry, {
      name: 'tidegate_ingress_requests_in_flight',
      help: 'Requests being worked on.',
      labelNames: ['listener'],
      collect() {
        for (const [name, server] of servers) this.set({ listener: name }, server.inFlight);
      },
    });
  }

  /** Binds all; rejects with the listener's name and address in the message. */
  async listen(): Promise<ReadonlyMap<string, ListenAddress>> {
    const bound = new Map<string, ListenAddress>();
    for (const [name, server] of this.#servers) bound.set(name, await server.listen());
    return bound;
  }

  /** Stops without failing a request (gateway/H12). */
  async drain(times: DrainConfig): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.drain(times)));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
  }
}


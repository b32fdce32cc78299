import type { Logger } from '@tidegate/observability';
import type { Pipeline } from '@tidegate/pipeline';
import { createGatewayServer, egressLimits, type GatewayServer } from '@tidegate/proxy';
import type { Clock, ListenAddress } from '@tidegate/units';
import { EgressExchange } from './egress-exchange.js';

export interface EgressServerOptions {
  readonly address: ListenAddress;
  readonly pipeline: Pipeline<EgressExchange>;
  readonly logger: Logger;
  readonly mayLog: () => boolean;
  readonly clock: Clock;
}

/** Ingress has normalised the target by the listener's rules; what it let through passes here. */
const target = { encodedSlash: 'keep', mergeSlashes: false } as const;

/** The running listener. */
export type EgressServer = GatewayServer<EgressExchange>;

/** The listener of the network link: what ingress sends, with the fields meant for egress (gateway/H5, H6). */
export function createEgressServer({ address, pipeline, logger, mayLog, clock }: EgressServerOptions): EgressServer {
  return createGatewayServer<EgressExchange>({
    name: 'egress',
    address,
    limits: egressLimits,
    target,
    allowUnderscoreFields: true,
    keepReservedFields: true,
    createExchange: (parts) => new EgressExchange(parts),
    onExchange: pipeline,
    onRefused: ({ fault, requestId, peer }) => {
      if (mayLog()) logger.warn({ requestId, peer: peer.address, fault: fault.code, why: fault.message }, 'head refused');
    },
    logger,
    clock,
  });
}

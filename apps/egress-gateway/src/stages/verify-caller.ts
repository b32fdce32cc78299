import type { InternalTokens } from '@tidegate/auth';
import { Fault } from '@tidegate/fault';
import { fieldValue, type Stage } from '@tidegate/pipeline';
import { reservedFields } from '@tidegate/proxy';
import type { EgressExchange } from '../egress-exchange.js';

export interface VerifyCallerOptions {
  readonly tokens: Pick<InternalTokens, 'verify'>;
  /** Told of each refusal, for the security event. */
  readonly onRefused: (exchange: EgressExchange) => void;
}

/**
 * Only a holder of the internal key may call: a client cannot reach egress around ingress (gateway/H5). The reserved
 * fields that this stage and the next ones read are dropped where the request for the service is built, all but
 * `x-tidegate-principal`.
 */
export function verifyCaller({ tokens, onRefused }: VerifyCallerOptions): Stage<EgressExchange> {
  return function verifyCaller(exchange, next) {
    const token = fieldValue(exchange.head.fields, reservedFields.token);
    if (token === undefined || !tokens.verify(token)) {
      onRefused(exchange);
      throw new Fault('caller-not-allowed', `${exchange.peer.address}: ${token === undefined ? 'no' : 'bad'} internal token`);
    }
    return next();
  };
}

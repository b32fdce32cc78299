import { Fault } from '@tidegate/fault';
import type { Stage } from '@tidegate/pipeline';
import { appendVia, countVia, resolveClientAddress, writeForwardedFields, type ClientAddressSource, type IsTrusted } from '@tidegate/proxy';
import { headerFingerprint } from '../header-fingerprint.js';
import { pseudonym } from '../pseudonym.js';
import { toPrincipalKey } from '../principal-key.js';
import type { IngressExchange } from '../ingress-exchange.js';

/** So many entries of ours in Via are a loop (gateway/H4). */
const loopEntriesMax = 4;

/** What one client-facing listener trusts. */
export interface ListenerTrust {
  readonly source: ClientAddressSource;
  readonly isTrusted: IsTrusted;
}

export interface ResolveClientOptions {
  /** By the listener's name. */
  readonly listeners: ReadonlyMap<string, ListenerTrust>;
}

/**
 * Finds whose request it is, from the one source its listener trusts, and rewrites what says so to the next hop
 * (gateway/H4). A request that has been here too often is a loop: 508.
 */
export function resolveClient({ listeners }: ResolveClientOptions): Stage<IngressExchange> {
  return function resolveClient(exchange, next) {
    const { head, peer } = exchange;
    const trust = listeners.get(peer.listener);
    if (trust === undefined) throw new Fault('internal', `no listener named ${peer.listener}`);
    if (countVia(head.fields, pseudonym) >= loopEntriesMax) throw new Fault('loop-detected', 'Via names this tier four times');
    const client = resolveClientAddress({ peerAddress: peer.address, fields: head.fields, ...trust });
    if ('problem' in client) throw new Fault('bad-request', client.problem, { detail: client.problem });
    exchange.clientAddress = client.address;
    exchange.principalKey = toPrincipalKey(exchange.principal, client.address);
    exchange.headerFingerprint = headerFingerprint(head.fields);
    head.fields = writeForwardedFields(head.fields, { hops: client.hops, scheme: head.scheme, authority: head.authority });
    appendVia(head.fields, head.httpVersion, pseudonym);
    return next();
  };
}

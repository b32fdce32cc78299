import { listenersSchema as proxyListeners } from '@tidegate/proxy';
import { listenAddress } from '@tidegate/units';
import { z } from 'zod';

/**
 * `listeners`: the gateways' as libs/proxy has them. The ops listener has one address: of the process that holds everything,
 * and the base from which apps apart count theirs (see opsAddressOf).
 */
export const listenersSchema = proxyListeners.unwrap().extend({
  ops: z.strictObject({ address: listenAddress().prefault('127.0.0.1:9100') }).prefault({}),
});

import { targetRulesShape } from '@tidegate/routing';
import { listenAddress } from '@tidegate/units';
import { z } from 'zod';

const cidr = () => z.union([z.cidrv4(), z.cidrv6()], { error: 'expected a network such as 10.0.0.0/8 or fd00::/8' });

/** A client-facing listener (gateway/H4, H5, R3). */
const gatewayListener = z.strictObject({
  address: listenAddress(),
  clientAddressFrom: z.enum(['peer', 'x-forwarded-for', 'forwarded']).default('peer'),
  trustedProxies: z.array(cidr()).max(256).default([]),
  allowUnderscoreFields: z.boolean().default(false),
  ...targetRulesShape,
});

const innerListener = (address: string) =>
  z.strictObject({ address: listenAddress() }).prefault({ address });

/** `listeners`: who listens where. */
export const listenersSchema = z.strictObject({
  public: gatewayListener.prefault({ address: '0.0.0.0:8080' }),
  replay: gatewayListener.optional(),
  egress: innerListener('127.0.0.1:8090'),
  limiter: innerListener('127.0.0.1:50051'),
  analytics: innerListener('127.0.0.1:8085'),
  ops: innerListener('127.0.0.1:9100'),
});

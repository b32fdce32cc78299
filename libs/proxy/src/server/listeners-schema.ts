import { targetRulesShape } from '@tidegate/routing';
import { durationMs, listenAddress } from '@tidegate/units';
import { z } from 'zod';
import { cidr } from '../trusted-proxies.js';

const addressOr = (fallback: string) => listenAddress().prefault(fallback);

const clientListener = (fallback: string) =>
  z.strictObject({
    address: addressOr(fallback),
    clientAddressFrom: z.enum(['peer', 'x-forwarded-for', 'forwarded', 'proxy-protocol']).default('peer'),
    trustedProxies: z.array(cidr()).default([]),
    allowUnderscoreFields: z.boolean().default(false),
    ...targetRulesShape,
  });

const internalListener = (fallback: string) => z.strictObject({ address: addressOr(fallback) }).prefault({});

/** TLS of the limiter's gRPC port as PEM files; with `clientCaFile` its callers must show a certificate (limiter/P9). */
const limiterTls = z.strictObject({ certFile: z.string().min(1), keyFile: z.string().min(1), clientCaFile: z.string().min(1).optional() });

/** Schema of `listeners`: who listens where, and whom it believes (gateway/H4, H5). */
export const listenersSchema = z
  .strictObject({
    public: clientListener('0.0.0.0:8080').prefault({}),
    /** For recorded traffic; absent unless configured, refused in production. */
    replay: clientListener('127.0.0.1:8081').optional(),
    egress: internalListener('127.0.0.1:8090'),
    limiter: z.strictObject({ address: addressOr('127.0.0.1:50051'), tls: limiterTls.optional() }).prefault({}),
    analytics: internalListener('127.0.0.1:8085'),
    /** Of the process that holds everything, and the base from which apps in processes of their own count theirs. */
    ops: internalListener('127.0.0.1:9100'),
  })
  .prefault({});

/** A listener that faces clients. */
export type ListenerConfig = z.output<typeof listenersSchema>['public'];

/** Schema of `drain`: how a gateway stops (gateway/H12). */
export const drainSchema = z
  .strictObject({ delay: durationMs(0, 300_000).default(5_000), timeout: durationMs(0, 3_600_000).default(30_000) })
  .prefault({})
  .transform(({ delay, timeout }) => ({ delayMs: delay, timeoutMs: timeout }));

/** How long to go on accepting, and when to end what is still there, both from the signal on. */
export type DrainConfig = z.output<typeof drainSchema>;

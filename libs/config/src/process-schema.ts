import { originUrl } from '@tidegate/proxy';
import { listenAddress } from '@tidegate/units';
import { z } from 'zod';

/** `secrets`: where the files of gateway/A11 live. */
export const secretsSchema = z.strictObject({ directory: z.string().min(1).default('.tidegate/secrets') });

/** `workers`: processes that share the gateways' listeners. */
export const workersSchema = z.int().min(1).max(256);

/** `egress`: how the egress gateway reaches services. Mesh modes come with their issue. */
export const egressSchema = z.strictObject({ mode: z.literal('direct').default('direct') });

const hostPort = () =>
  z.string().regex(/^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):\d{1,5}$/, 'expected host:port, such as limiter:50051');

/** `links`: where the other processes, and the command line, find a tier; by default at its listener's address. */
export const linksSchema = z.strictObject({
  limiter: z.array(hostPort()).min(1).max(64).optional(),
  egress: z.array(originUrl()).min(1).max(64).optional(),
  public: originUrl().optional(),
  replay: originUrl().optional(),
  analytics: originUrl().optional(),
  /** Where the limiters speak TLS: who signed their certificates, and the gateway's own where they ask for one. PEM files. */
  limiterTls: z
    .strictObject({ caFile: z.string().min(1), certFile: z.string().min(1).optional(), keyFile: z.string().min(1).optional() })
    .refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), 'certFile and keyFile belong together')
    .optional(),
});

/** Roles of the demo services. */
export const demoRoles = ['auth', 'users', 'products', 'orders', 'payments', 'site'] as const;

export type DemoRole = (typeof demoRoles)[number];

const demoAddresses = () => z.array(listenAddress()).min(1).max(8).optional();

/** `demo`: the services of the tour, and where each listens; without this part none is started. */
export const demoSchema = z.strictObject({
  auth: demoAddresses(),
  users: demoAddresses(),
  products: demoAddresses(),
  orders: demoAddresses(),
  payments: demoAddresses(),
  site: demoAddresses(),
  /** Latency and failures on request, for tests. */
  switches: z.boolean().default(false),
});

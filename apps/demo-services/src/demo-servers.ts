import type { Server } from 'node:http';
import type { DemoRole } from '@tidegate/config';
import { formatAddress, type Clock, type ListenAddress } from '@tidegate/units';
import type { DemoConfig, DemoSecrets } from './config.js';
import { createRoleServer, type MountRole } from './role-server.js';
import { createAuth } from './roles/auth.js';
import { createOrders } from './roles/orders.js';
import { createPayments } from './roles/payments.js';
import { mountProducts } from './roles/products.js';
import { createSite } from './roles/site.js';
import { createUsers } from './roles/users.js';

/** Where each role listens. */
export type DemoAddresses = Partial<Record<DemoRole, ListenAddress[]>>;

/** The servers of the wanted roles: started and stopped together. */
export interface DemoServers {
  /** @throws the listen error (EADDRINUSE, EACCES) with role and address in its message */
  listen(): Promise<DemoAddresses>;
  close(): Promise<void>;
}

export interface DemoServersOptions {
  readonly config: DemoConfig;
  readonly secrets: DemoSecrets;
  readonly roles: readonly DemoRole[];
  readonly clock: Clock;
}

const closeTimeoutMs = 5_000;

interface RoleServer {
  listen(address: ListenAddress): Promise<ListenAddress>;
  close(): Promise<void>;
}

/** Makes the servers; nothing listens yet. State belongs to a role: its instances in one process share it. */
export function createDemoServers({ config, secrets, roles, clock }: DemoServersOptions): DemoServers {
  const mounts = createMounts(secrets, clock);
  const hasSwitches = config.demo?.switches ?? false;
  const planned = roles.flatMap((role) =>
    (config.demo?.[role] ?? []).map((address) => ({ role, address, server: role === 'site' ? toSiteServer() : toRoleServer({ role, mount: mounts[role], hasSwitches }) })),
  );
  const close = async (): Promise<void> => void (await Promise.all(planned.map(({ server }) => server.close())));
  return {
    async listen() {
      const bound = await Promise.allSettled(planned.map(({ role, address, server }) => listenAs(role, server, address)));
      const failed = bound.find((one) => one.status === 'rejected');
      if (failed !== undefined) {
        await close();
        throw failed.reason;
      }
      const addresses: DemoAddresses = {};
      for (const [at, { role }] of planned.entries()) {
        const one = bound[at];
        if (one?.status === 'fulfilled') (addresses[role] ??= []).push(one.value);
      }
      return addresses;
    },
    close,
  };
}

const createMounts = (secrets: DemoSecrets, clock: Clock): Record<Exclude<DemoRole, 'site'>, MountRole> => ({
  auth: createAuth(secrets, clock),
  users: createUsers(),
  products: mountProducts,
  orders: createOrders(clock),
  payments: createPayments(clock),
});

async function listenAs(role: DemoRole, server: RoleServer, address: ListenAddress): Promise<ListenAddress> {
  try {
    return await server.listen(address);
  } catch (error) {
    throw Object.assign(error as Error, { message: `demo.${role} ${formatAddress(address)}: ${(error as Error).message}` });
  }
}

function toRoleServer(options: Parameters<typeof createRoleServer>[0]): RoleServer {
  const server = createRoleServer(options);
  return {
    async listen({ host, port }) {
      await server.listen({ host, port });
      return boundAddress(server.server, host);
    },
    close: () => closeWithin(server.server, () => server.close().then(() => undefined)),
  };
}

function toSiteServer(): RoleServer {
  const server = createSite('site');
  return {
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port }, () => resolve(boundAddress(server, host)));
      }),
    close: () => closeWithin(server, () => new Promise((resolve) => void server.close(() => resolve()))),
  };
}

/** What is in flight may finish; connections that are still there after that end. */
async function closeWithin(server: Server, close: () => Promise<void>): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), closeTimeoutMs);
  await close();
  clearTimeout(timer);
}

function boundAddress(server: Server, host: string): ListenAddress {
  const address = server.address();
  return { host, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

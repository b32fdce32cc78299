import { hostname } from 'node:os';
import { loadSecrets } from '@tidegate/auth';
import { explainListenErrors, forApp, loadConfigOrExit } from '@tidegate/config';
import { openProcessPublisher } from '@tidegate/event-publisher';
import { createObservability } from '@tidegate/observability';
import { startOps } from '@tidegate/ops';
import { systemClock } from '@tidegate/units';
import { instanceName, runApp, type WorkerParts } from '@tidegate/workers';
import { bootstrap } from './bootstrap.js';

const config = forApp(loadConfigOrExit(), 'ingress');
const instance = instanceName(`ingress-${hostname()}`);
const observability = createObservability({ app: 'ingress-gateway', instance, level: 'info' });
const { logger, registry } = observability;

async function start(ops: boolean): Promise<WorkerParts> {
  const publisher = openProcessPublisher({ events: config.events, instance, clock: systemClock, logger, registry });
  const running = await explainListenErrors(config, bootstrap({ config, secrets: loadSecrets(config.secrets.directory), observability, publisher, ops }));
  logger.info({ addresses: Object.fromEntries(running.addresses) }, 'ingress gateway listens');
  return { close: () => running.close().then(() => publisher.close()) };
}

const { address } = config.listeners.ops;
await runApp({ ...config, app: 'ingress-gateway', observability, start, startOps: (shown) => startOps({ address, observability, adminToken: loadSecrets(config.secrets.directory).adminToken, ...shown }) });

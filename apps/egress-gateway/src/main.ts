import { hostname } from 'node:os';
import { loadSecrets } from '@tidegate/auth';
import { forApp, loadConfigOrExit } from '@tidegate/config';
import { openProcessPublisher } from '@tidegate/event-publisher';
import { createObservability } from '@tidegate/observability';
import { systemClock } from '@tidegate/units';
import { bootstrap } from './bootstrap.js';

const config = forApp(loadConfigOrExit(), 'egress');
const instance = `egress-${hostname()}`;
const observability = createObservability({ app: 'egress-gateway', instance, level: 'info' });
const { logger, registry } = observability;

try {
  const publisher = openProcessPublisher({ events: config.events, instance, clock: systemClock, logger, registry });
  const running = await bootstrap({ config, secrets: loadSecrets(config.secrets.directory), observability, publisher, ops: true, listen: true });
  logger.info({ address: running.address }, 'egress gateway listens');
  const stop = (): void => void running.close().then(() => publisher.close()).then(() => process.exit(0));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);
} catch (error) {
  process.stderr.write(`egress-gateway: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

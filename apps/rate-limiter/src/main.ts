import { hostname } from 'node:os';
import { loadSecrets } from '@tidegate/auth';
import { forApp, loadConfigOrExit } from '@tidegate/config';
import { openProcessPublisher } from '@tidegate/event-publisher';
import { createObservability } from '@tidegate/observability';
import { systemClock } from '@tidegate/units';
import { bootstrap } from './bootstrap.js';
import { watchPolicies } from './watch-policies.js';

const config = forApp(loadConfigOrExit(), 'limiter');
const instance = `limiter-${hostname()}-${config.listeners.limiter.address.port}`;
const observability = createObservability({ app: 'rate-limiter', instance, level: 'info' });
const { logger, registry } = observability;

try {
  const publisher = openProcessPublisher({ events: config.events, instance, clock: systemClock, logger, registry });
  const running = await bootstrap({ config, secrets: loadSecrets(config.secrets.directory), observability, publisher, ops: true, listen: true });
  logger.info({ address: running.address }, 'rate limiter listens');
  watchPolicies({ file: process.env['TIDEGATE_CONFIG'] ?? 'tidegate.yaml', env: process.env, configVersion: config.configVersion, limiter: running });
  const stop = (): void => void running.close().then(() => publisher.close()).then(() => process.exit(0));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);
} catch (error) {
  process.stderr.write(`rate-limiter: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

import { hostname } from 'node:os';
import { loadSecrets } from '@tidegate/auth';
import { configFileOf, explainListenErrors, forApp, loadConfigOrExit } from '@tidegate/config';
import { openProcessPublisher } from '@tidegate/event-publisher';
import { createObservability } from '@tidegate/observability';
import { systemClock } from '@tidegate/units';
import { runUntilSignalled } from '@tidegate/workers';
import { bootstrap } from './bootstrap.js';
import { watchPolicies } from './watch-policies.js';

const config = forApp(loadConfigOrExit(), 'limiter');
const instance = `limiter-${hostname()}-${config.listeners.limiter.address.port}`;
const observability = createObservability({ app: 'rate-limiter', instance, level: 'info' });
const { logger, registry } = observability;

await runUntilSignalled('rate-limiter', async () => {
  const publisher = openProcessPublisher({ events: config.events, instance, clock: systemClock, logger, registry });
  const running = await explainListenErrors(config, bootstrap({ config, secrets: loadSecrets(config.secrets.directory), observability, publisher, ops: true, listen: true }));
  logger.info({ address: running.address }, 'rate limiter listens');
  watchPolicies({ file: configFileOf(process.env), env: process.env, configVersion: config.configVersion, limiter: running });
  return { close: () => running.close().then(() => publisher.close()) };
});

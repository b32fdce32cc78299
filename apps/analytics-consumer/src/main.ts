import { hostname } from 'node:os';
import { loadSecrets } from '@tidegate/auth';
import { explainListenErrors, forApp, loadConfigOrExit } from '@tidegate/config';
import { createObservability } from '@tidegate/observability';
import { runUntilSignalled } from '@tidegate/workers';
import { bootstrap } from './bootstrap.js';

const config = forApp(loadConfigOrExit(), 'analytics');
const observability = createObservability({ app: 'analytics-consumer', instance: hostname(), level: 'info' });

await runUntilSignalled('analytics-consumer', async () => {
  const secrets = loadSecrets(config.secrets.directory);
  const running = await explainListenErrors(config, bootstrap({ config, secrets, observability, ops: true, listen: true }));
  observability.logger.info({ address: running.address }, 'analytics: ready');
  return running;
});

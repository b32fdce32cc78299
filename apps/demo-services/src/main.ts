import { hostname } from 'node:os';
import { loadSecrets } from '@tidegate/auth';
import { explainListenErrors, forApp, loadConfigOrExit } from '@tidegate/config';
import { createObservability } from '@tidegate/observability';
import { runUntilSignalled } from '@tidegate/workers';
import { bootstrap } from './bootstrap.js';

const config = forApp(loadConfigOrExit(), 'demo');
const observability = createObservability({ app: 'demo', instance: hostname(), level: 'info' });

await runUntilSignalled('demo-services', async () => {
  const running = await explainListenErrors(config, bootstrap({ config, secrets: loadSecrets(config.secrets.directory), observability, ops: true }));
  observability.logger.info({ addresses: running.addresses }, 'demo services listen');
  return running;
});

import { hostname } from 'node:os';
import { loadSecrets } from '@tidegate/auth';
import { forApp, loadConfigOrExit } from '@tidegate/config';
import { createObservability } from '@tidegate/observability';
import { bootstrap } from './bootstrap.js';
import { StoreError } from './open-store.js';

const config = forApp(loadConfigOrExit(), 'analytics');
const observability = createObservability({ app: 'analytics-consumer', instance: hostname(), level: 'info' });

try {
  const secrets = loadSecrets(config.secrets.directory);
  const running = await bootstrap({ config, secrets, observability, ops: true, listen: true });
  observability.logger.info({ address: running.address }, 'analytics: ready');
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void running.close().then(() => process.exit(0)));
} catch (error) {
  process.stderr.write(`analytics-consumer: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof StoreError ? error.exitCode : 1);
}

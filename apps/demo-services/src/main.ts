import { hostname } from 'node:os';
import { loadSecrets } from '@tidegate/auth';
import { forApp, loadConfigOrExit } from '@tidegate/config';
import { createObservability } from '@tidegate/observability';
import { bootstrap } from './bootstrap.js';

const config = forApp(loadConfigOrExit(), 'demo');
const observability = createObservability({ app: 'demo', instance: hostname(), level: 'info' });
const demo = await bootstrap({ config, secrets: loadSecrets(config.secrets.directory), observability, ops: true });
observability.logger.info({ addresses: demo.addresses }, 'demo services listen');

const stop = (): void => void demo.close().then(() => process.exit(0));
process.once('SIGTERM', stop).once('SIGINT', stop);

// Limiter, egress and ingress in one process, wired as `tidegate up` wires them; whoever takes the events does nothing.
//   node one-process.mjs CONFIG_FILE
import { createObservability } from '../../libs/observability/dist/index.js';
import { ensureSecrets } from '../../libs/auth/dist/index.js';
import { loadConfig } from '../../libs/config/dist/index.js';
import { startApps } from '../../apps/cli/dist/up/start-apps.js';

const file = process.argv[2];
const config = loadConfig({ file, env: process.env });
const running = await startApps({
  config,
  source: { file, env: process.env },
  secrets: ensureSecrets(config.secrets.directory),
  observability: createObservability({ app: 'tidegate', instance: 'bench', level: 'error' }),
  apps: ['limiter', 'egress', 'ingress'],
  opsAddress: config.listeners.ops.address,
  accept: () => Promise.resolve(),
});
process.once('SIGTERM', () => void running.stop().then(() => process.exit(0)));

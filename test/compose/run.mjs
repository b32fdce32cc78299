// The compose stack, for real: build, start everything but Grafana (its files are validated instead), traffic through
// port 8080, a replay, one limiter replica killed under load, analytics exact, `down -v` leaves nothing.
//   node test/compose/run.mjs          needs Docker with the compose plugin, and ports 8080, 8081, 8085, 9090, 9101 free
import { execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { checkGrafana, dashboardMetrics } from './check-grafana.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const services = ['init', 'redis', 'kafka', 'demo', 'limiter', 'egress', 'ingress', 'analytics', 'prometheus'];
const env = { ...process.env, COMPOSE_PROJECT_NAME: 'tidegate-test', DOCKER_BUILDKIT: '0', COMPOSE_PROGRESS: 'quiet' };
const run = (command, args, options = {}) => execFileSync(command, args, { cwd: root, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 28, ...options });
const compose = (...args) => run('docker', ['compose', ...args]);
const cli = (...args) => compose('run', '--rm', '-T', '-v', `${root}test/fixtures:/fixtures:ro`, 'cli', ...args);
const sleep = (ms) => new Promise((resolve) => void setTimeout(resolve, ms));

let checks = 0;
function check(what, isTrue, detail = '') {
  checks += 1;
  console.log(`${isTrue ? 'ok  ' : 'FAIL'} ${what}${isTrue ? '' : `: ${detail}`}`);
  if (!isTrue) throw new Error(`${what}: ${detail}`);
}

async function ask(path, headers = {}) {
  const answer = await fetch(`http://127.0.0.1:8080${path}`, { headers, signal: AbortSignal.timeout(10_000) });
  await answer.arrayBuffer();
  return answer;
}

async function main() {
  checkGrafana(check);
  run('docker', ['build', '-q', '--network', 'host', '-f', 'deploy/docker/Dockerfile', '-t', 'tidegate:local', '.'], { stdio: ['ignore', 'ignore', 'ignore'] });
  compose('up', '-d', '--wait', '--no-build', ...services);
  check('every container runs as a user without privileges', ['ingress', 'limiter', 'egress', 'analytics', 'demo'].every((name) => compose('exec', '-T', name, 'id', '-u').trim() !== '0'));
  check('no secret is baked into the image', !run('docker', ['run', '--rm', 'tidegate:local', 'find', '/app/.tidegate', '-type', 'f']).trim());

  check('a public route answers', (await ask('/api/products')).status === 200);
  check('without a credential: 401', (await ask('/api/orders')).status === 401);
  const token = cli('token', '--sub', 'alice', '--scope', 'orders:read').trim();
  check('with a token: 200', (await ask('/api/orders', { authorization: `Bearer ${token}` })).status === 200);
  check('a missing scope: 403', (await fetch('http://127.0.0.1:8080/api/payments', { method: 'POST', headers: { authorization: `Bearer ${token}` } })).status === 403);

  const replay = JSON.parse(cli('replay', '--log', '/fixtures/apache-excerpt.log', '--json'));
  const serverErrors = Object.keys(replay.statuses).filter((status) => Number(status) >= 500);
  check('a replay: nobody above burst + rate x T, no 5xx', replay.clients.overBound === 0 && serverErrors.length === 0, JSON.stringify(replay.statuses));
  check('a replay: every request counted once', replay.analytics.missing === 0 && replay.analytics.duplicated === 0 && replay.analytics.counted === replay.sent, JSON.stringify(replay.analytics));

  await killLimiterUnderLoad();
  await checkPrometheus();
}

async function checkPrometheus() {
  const api = (path) => fetch(`http://127.0.0.1:9090/api/v1/${path}`).then((answer) => answer.json());
  const { activeTargets } = (await api('targets')).data;
  const jobs = new Set(activeTargets.filter(({ health }) => health === 'up').map(({ labels }) => labels.job));
  check('Prometheus scrapes every app', ['ingress', 'limiter', 'egress', 'analytics'].every((job) => jobs.has(job)), [...jobs].join(' '));
  // Metadata: a counter with labels has no sample before it counted something.
  const known = new Set(Object.keys((await api('metadata')).data));
  const unknown = dashboardMetrics().filter((name) => !known.has(name.replace(/_(?:bucket|sum|count)$/, '')));
  check('every metric of the Grafana dashboards exists', unknown.length === 0, unknown.join(' '));
}

/** One of two replicas dies by kill -9 in the middle of a replay: no 5xx, bounds of its section 4, every event once. */
async function killLimiterUnderLoad() {
  const replicas = compose('ps', '-q', 'limiter').trim().split('\n');
  check('two limiter replicas run', replicas.length === 2, replicas.join(' '));
  const args = ['compose', 'run', '--rm', '-T', '-v', `${root}test/fixtures:/fixtures:ro`, 'cli', 'replay', '--log', '/fixtures/apache-excerpt.log', '--concurrency', '8', '--fault', 'limiter', '--json'];
  const child = spawn('docker', args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  const ended = new Promise((resolve) => void child.once('exit', resolve));
  await sleep(1_500);
  run('docker', ['kill', '-s', 'KILL', replicas[0]]);
  check('the replay through the kill keeps its promises', (await ended) === 0, output);
  const report = JSON.parse(output);
  const serverErrors = Object.keys(report.statuses).filter((status) => Number(status) >= 500);
  check('no 5xx because a limiter replica died', serverErrors.length === 0 && Object.keys(report.unanswered).length === 0, JSON.stringify(report.statuses));
}

let failure;
try {
  await main();
} catch (error) {
  failure = error;
  console.error(compose('logs', '--tail', '40', 'ingress', 'limiter', 'egress', 'analytics', 'demo', 'init'));
} finally {
  compose('down', '-v', '--remove-orphans', '--timeout', '40');
}
const left = run('docker', ['ps', '-aq', '--filter', 'label=com.docker.compose.project=tidegate-test']) + run('docker', ['volume', 'ls', '-q', '--filter', 'label=com.docker.compose.project=tidegate-test']);
if (failure === undefined) check('`docker compose down -v` leaves nothing', left.trim() === '', left);
if (failure !== undefined) console.error(failure);
console.log(`compose: ${checks} checks${failure === undefined ? '' : ', the last one failed'}`);
process.exitCode = failure === undefined ? 0 : 1;

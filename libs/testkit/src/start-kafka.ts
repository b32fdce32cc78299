import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { startProcess, waitUntil, type RunningProcess } from './child-process.js';
import { findKafka } from './find-part.js';
import { freePort } from './free-port.js';

const run = promisify(execFile);

/** A real one-node broker (KRaft) whose log survives `kill` and `restart`. */
export interface KafkaBroker {
  /** host:port, as kafkajs wants it. */
  readonly brokers: readonly string[];
  readonly port: number;
  readonly pid: number;
  signal(name: NodeJS.Signals): void;
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface KafkaOptions {
  /** Where it listens; default a free port. A proxy in front must know it before the broker is up. */
  readonly port?: number;
  /** What clients are told to connect to; default the broker itself. A proxy in front names its own port. */
  readonly advertisedPort?: number;
  readonly partitions?: number;
}

/** Starts Apache Kafka on free ports, formatted anew, auto-creating topics. Up in about 3 s. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaBroker> {
  const found = findKafka();
  if (found === undefined) throw new Error('no Kafka: guard the spec with has("kafka")');
  const [port, controllerPort] = [options.port ?? (await freePort()), await freePort()];
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-kafka-'));
  const file = join(folder, 'server.properties');
  writeFileSync(file, properties({ ...options, port, controllerPort, folder }));
  const classPath = ['-cp', `${found.libs}/*`];
  await run(found.java, [...classPath, 'kafka.tools.StorageTool', 'format', '--standalone', '-t', 'dGlkZWdhdGUtdGVzdC0wMQ', '-c', file]);
  const args = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...classPath, 'kafka.Kafka', file];
  const start = async (): Promise<RunningProcess> => {
    const started = startProcess(found.java, args, { cwd: folder });
    await waitUntil(`kafka on ${port}`, () => answers(port), 60_000);
    return started;
  };
  let running = await start();
  const kill = async (): Promise<void> => {
    running.signal('SIGKILL');
    await running.exited;
  };
  return {
    brokers: [`127.0.0.1:${port}`],
    port,
    get pid() {
      return running.pid;
    },
    signal: (name) => running.signal(name),
    kill,
    restart: async () => {
      await kill();
      running = await start();
    },
    stop: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Settings extends KafkaOptions {
  readonly port: number;
  readonly controllerPort: number;
  readonly folder: string;
}

function properties({ port, controllerPort, folder, advertisedPort = port, partitions = 4 }: Settings): string {
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.bootstrap.servers=127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${advertisedPort},CONTROLLER://127.0.0.1:${controllerPort}`,
    'controller.listener.names=CONTROLLER',
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    `log.dirs=${folder}/data`,
    `num.partitions=${partitions}`,
    'offsets.topic.num.partitions=4',
    'offsets.topic.replication.factor=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    // After kill -9 the controller takes the broker back only when the old session has ended.
    'broker.session.timeout.ms=2000',
    'broker.heartbeat.interval.ms=500',
    '',
  ].join('\n');
}

/** A broker without a logging back end prints nothing: it is up when it answers a client. */
async function answers(port: number): Promise<true | undefined> {
  const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING, connectionTimeout: 500, retry: { retries: 0 } });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    return brokers.length > 0 ? true : undefined;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

import { readFileSync } from 'node:fs';
import { Kafka, logLevel, type KafkaConfig as ClientConfig, type SASLOptions } from 'kafkajs';
import type { KafkaConfig, TlsFiles } from '../events-schema.js';
import { patchKafkajs } from './patch-kafkajs.js';

export interface KafkaTimeouts {
  /** Until a connection to a broker stands. */
  readonly connectMs?: number;
  /** Until a broker answers a request; past it the outcome is unknown. */
  readonly requestMs?: number;
}

/** What a client needs of the events' Kafka settings. */
export type KafkaClientConfig = Pick<KafkaConfig, 'brokers' | 'clientId' | 'ssl' | 'sasl'>;

/** A kafkajs client, patched, that neither retries nor logs by itself: who calls it does both. Reads TLS files at once. */
export function createKafkaClient(config: KafkaClientConfig, { connectMs = 2_000, requestMs = 10_000 }: KafkaTimeouts = {}): Kafka {
  patchKafkajs();
  const options: ClientConfig = {
    brokers: [...config.brokers],
    clientId: config.clientId,
    connectionTimeout: connectMs,
    authenticationTimeout: requestMs,
    requestTimeout: requestMs,
    retry: { retries: 0 },
    logLevel: logLevel.NOTHING,
  };
  if (config.ssl !== false) options.ssl = config.ssl === true ? true : readTls(config.ssl);
  if (config.sasl !== undefined) options.sasl = config.sasl as SASLOptions;
  return new Kafka(options);
}

function readTls({ caFile, certFile, keyFile }: TlsFiles): { ca?: string; cert?: string; key?: string } {
  return {
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }),
    ...(certFile === undefined ? {} : { cert: readFileSync(certFile, 'utf8') }),
    ...(keyFile === undefined ? {} : { key: readFileSync(keyFile, 'utf8') }),
  };
}

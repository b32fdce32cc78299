import { readFileSync } from 'node:fs';
import { credentials, type ChannelCredentials, type ClientOptions } from '@grpc/grpc-js';
import { RateLimitServiceClient } from '@tidegate/grpc';
import type { StreamCall } from './stream-call.js';

const retryDelayMsMin = 25;
const retryDelayMsMax = 1_000;

/** Drops a stream whose limiter was quiet for this long, in ms; before that it is probed and gets no checks. */
const giveUpQuietMs = 2_000;

const channelOptions: ClientOptions = {
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 5_000,
};

/** What a client of limiters with TLS needs, as PEM files. */
export interface ClientTlsFiles {
  /** Who signed the limiters' certificates. */
  readonly caFile: string;
  /** The client's own certificate and key, where the limiters ask for one. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

function readCredentials({ caFile, certFile, keyFile }: ClientTlsFiles): ChannelCredentials {
  if (certFile === undefined || keyFile === undefined) return credentials.createSsl(readFileSync(caFile));
  return credentials.createSsl(readFileSync(caFile), readFileSync(keyFile), readFileSync(certFile));
}

/** One gRPC channel per target, made when first used. A target that names several addresses is used round robin. */
export class Channels {
  readonly #clients = new Map<string, RateLimitServiceClient>();
  readonly #targets: readonly string[];
  readonly #credentials: ChannelCredentials;

  constructor(targets: readonly string[], tls: ClientTlsFiles | undefined) {
    this.#targets = targets;
    this.#credentials = tls === undefined ? credentials.createInsecure() : readCredentials(tls);
  }

  /** The target for the n-th attempt: the next in the list that is not in use, else just the next. */
  pick(n: number, inUse: readonly string[]): string {
    const inOrder = this.#targets.map((_target, offset) => this.#targets[(n + offset) % this.#targets.length] ?? '');
    return inOrder.find((target) => !inUse.includes(target)) ?? inOrder[0] ?? '';
  }

  /** The channel to a target. */
  take(target: string): RateLimitServiceClient {
    const known = this.#clients.get(target);
    if (known !== undefined) return known;
    const client = new RateLimitServiceClient(target, this.#credentials, channelOptions);
    this.#clients.set(target, client);
    return client;
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }
}

/** Keeps one stream open: reconnects with jitter, each time to the next target. */
export class ReplicaLane {
  readonly #open: (lane: ReplicaLane, attempt: number) => StreamCall;
  #attempt: number;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  call: StreamCall | undefined;
  /** Where the present stream goes; '' without one. */
  target = '';

  /**
   * @param open starts a stream for the n-th attempt and sets `target`
   * @param firstAttempt where this lane begins in the list of targets
   */
  constructor(open: (lane: ReplicaLane, attempt: number) => StreamCall, firstAttempt: number) {
    this.#open = open;
    this.#attempt = firstAttempt;
  }

  connect(): void {
    this.#timer = undefined;
    if (this.#isClosed) return;
    this.call = this.#open(this, this.#attempt);
    this.#attempt += 1;
  }

  /** The stream works: the next loss is retried soon. */
  opened(): void {
    this.#failures = 0;
  }

  /** Forgets the present stream and opens another after a delay with jitter. */
  reconnect(): void {
    this.call = undefined;
    this.target = '';
    if (this.#isClosed || this.#timer !== undefined) return;
    const delayMs = Math.min(retryDelayMsMax, retryDelayMsMin * 2 ** this.#failures) * (0.5 + Math.random());
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#timer = setTimeout(() => this.connect(), delayMs).unref();
  }

  /** Looks after a quiet stream; called a few times a second. */
  maintain(nowMs: number): void {
    const call = this.call;
    if (call === undefined || !call.isQuiet(nowMs)) return;
    if (call.quietMs(nowMs) > giveUpQuietMs) call.cancel('no sign of life');
    else call.probe();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.call?.cancel('closed');
  }
}

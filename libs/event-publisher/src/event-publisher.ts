import { createUlid, partitionOf } from '@tidegate/events';
import type { Event } from '@tidegate/grpc';
import type { Registry } from '@tidegate/observability';
import type { Clock } from '@tidegate/units';
import { BatchKeeper } from './batch-keeper.js';
import { EventRing } from './event-ring.js';
import type { EventsConfig } from './events-schema.js';
import { Outbox } from './outbox.js';
import { zeroCounters, type PublisherStats } from './publisher-counters.js';
import type { PublisherLogger } from './publisher-logger.js';
import { registerPublisherMetrics } from './publisher-metrics.js';
import { Spool, type RecoveredRecord } from './spool/spool.js';
import type { EventTransport } from './transport.js';

/** Takes events and never makes a request wait for a broker. */
export interface EventPublisher {
  /** ULID of this process start: the producer of all its batches. */
  readonly producerId: string;
  /**
   * Hands an event over; it must not be changed after. Events of one principal keep their order.
   * With `durability: disk` the promise resolves when the event is on disk, one fsync for all that wait; it never rejects.
   * With `durability: memory` there is nothing to wait for.
   */
  publish(event: Event, principal: string): void | Promise<void>;
  /** Resolves when everything published before is acknowledged, or is on disk because the other side is away. */
  flush(): Promise<void>;
  /** Sends what it can within the time, puts the rest on disk. Events published after it are dropped and counted. */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
  stats(): PublisherStats;
}

export interface EventPublisherOptions {
  readonly config: Pick<EventsConfig, 'durability' | 'spool'>;
  readonly transport: EventTransport;
  /** Name of this process among those that share the spool directory, e.g. "ingress-1". What a dead one left, any other sends. */
  readonly instance: string;
  readonly clock: Clock;
  readonly logger: PublisherLogger;
  /** Where the counters are shown; none, if not given. */
  readonly registry?: Registry;
}

const ringEventsMax = 16_384;
const flushEvents = 512;
const flushMs = 20;
const closeMs = 5_000;
const retainAckedBytes = 1024 ** 2;
/** How often the spools of processes that died meanwhile are looked for. */
const adoptMs = 30_000;

/** Starts a publisher. Throws when the spool's directory cannot be used; the other side may be away. */
export function createEventPublisher(options: EventPublisherOptions): EventPublisher {
  return new RingPublisher(options);
}

class RingPublisher implements EventPublisher {
  readonly producerId: string;
  readonly #partitions: number;
  readonly #isDurable: boolean;
  readonly #ring = new EventRing(ringEventsMax);
  readonly #counters = zeroCounters();
  readonly #spool: Spool;
  readonly #outbox: Outbox;
  readonly #transport: EventTransport;
  readonly #logger: PublisherLogger;
  #timer: NodeJS.Timeout | undefined;
  readonly #onImmediate = (): void => this.#flushNow();
  #isArmed = false;
  #isImmediate = false;
  #isSyncing = false;
  #isClosed = false;
  /** With durability disk: resolves when the events of the next flush are on disk. */
  #group: PromiseWithResolvers<void> | undefined;
  #onProgress: (() => void)[] = [];
  #adoptTimer: NodeJS.Timeout | undefined;
  readonly #started: Promise<void>;

  constructor({ config, transport, instance, clock, logger, registry }: EventPublisherOptions) {
    const isDurable = config.durability === 'disk';
    const counters = this.#counters;
    this.producerId = createUlid({ clock })();
    this.#partitions = transport.partitions;
    this.#isDurable = isDurable;
    this.#transport = transport;
    this.#logger = logger;
    const spool = new Spool({
      ...config.spool,
      instance,
      logger,
      retainAckedBytes: isDurable ? retainAckedBytes : 0,
      onDropped: (segment) => this.#outbox.giveUp(segment),
    });
    this.#spool = spool;
    const keeper = new BatchKeeper({ spool, producerId: this.producerId, counters, logger, isDurable, takesBytes: transport.takesBytes });
    this.#outbox = new Outbox({ transport, keeper, isDurable, clock, logger, onProgress: () => this.#progress() });
    if (registry !== undefined) registerPublisherMetrics(registry, () => this.stats());
    this.#started = this.#recover();
  }

  publish(event: Event, principal: string): void | Promise<void> {
    this.#counters.published += 1;
    if (this.#isClosed) {
      this.#counters.dropped += 1;
      return undefined;
    }
    if (this.#ring.push(event, principal)) this.#counters.dropped += 1;
    if (this.#isDurable) return this.#publishDurable();
    if (!this.#isArmed) this.#arm();
    else if (this.#ring.count >= flushEvents) this.#flushSoon();
    return undefined;
  }

  async flush(): Promise<void> {
    await this.#started;
    this.#flushNow();
    await this.#until(() => this.#outbox.isEmpty || this.#outbox.isStuck);
    if (!this.#outbox.isEmpty) await this.#spool.sync();
  }

  async close({ timeoutMs = closeMs }: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#started;
    this.#flushNow();
    this.#outbox.retryNow();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.#until(() => this.#outbox.isEmpty || this.#outbox.isStuck), late]);
    clearTimeout(timer);
    clearTimeout(this.#timer);
    clearInterval(this.#adoptTimer);
    this.#outbox.stop();
    await this.#spool.close();
    const { waiting } = this.stats();
    if (waiting > 0) this.#logger.warn({ events: waiting }, 'events: left in the spool; the next start sends them');
    await this.#transport.close();
    this.#onProgress = [];
  }

  stats(): PublisherStats {
    const { published, recovered, sent, dropped, refused } = this.#counters;
    return { ...this.#counters, waiting: published + recovered - sent - dropped - refused, spoolBytes: this.#spool.bytes };
  }

  async #recover(): Promise<void> {
    this.#outbox.start(await this.#leftBy(() => this.#spool.recover()));
    this.#adoptTimer = setInterval(() => void this.#adopt(), adoptMs).unref();
  }

  async #adopt(): Promise<void> {
    const adopted = await this.#leftBy(() => this.#spool.adopt());
    if (adopted.length > 0) this.#outbox.adopt(adopted);
  }

  /** Counts and reports what dead processes left. Never rejects. */
  async #leftBy(find: () => Promise<RecoveredRecord[]>): Promise<RecoveredRecord[]> {
    try {
      const found = await find();
      const events = found.reduce((sum, { count }) => sum + count, 0);
      this.#counters.recovered += events;
      if (events > 0) this.#logger.info({ events }, 'events: sending what an earlier process left in the spool');
      return found;
    } catch (err) {
      this.#logger.error({ err }, 'events: what an earlier process left in the spool cannot be read; it stays as it is');
      return [];
    }
  }

  /** While one group is being written the next gathers. */
  #publishDurable(): Promise<void> {
    this.#group ??= Promise.withResolvers<void>();
    if (!this.#isSyncing || this.#ring.count >= flushEvents) this.#flushSoon();
    return this.#group.promise;
  }

  #flushSoon(): void {
    if (this.#isImmediate) return;
    this.#isImmediate = true;
    setImmediate(this.#onImmediate);
  }

  #flushNow(): void {
    this.#isImmediate = false;
    this.#isArmed = false;
    const { count } = this.#ring;
    this.#ring.drain((event, principal) => this.#outbox.take(event, partitionOf(principal, this.#partitions)));
    this.#outbox.flush();
    if (this.#isDurable) void this.#syncGroup(count);
    if (this.#outbox.pendingEvents > 0 && !this.#isClosed) this.#arm();
  }

  #arm(): void {
    this.#isArmed = true;
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#flushNow(), flushMs);
    else this.#timer.refresh();
  }

  async #syncGroup(count: number): Promise<void> {
    const group = this.#group;
    if (group === undefined) return;
    this.#group = undefined;
    this.#isSyncing = true;
    const isOnDisk = await this.#spool.sync();
    if (!isOnDisk) this.#counters.undurable += count;
    this.#isSyncing = false;
    group.resolve();
    if (this.#group !== undefined) this.#flushSoon();
  }

  async #until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => this.#onProgress.push(resolve));
  }

  #progress(): void {
    const listeners = this.#onProgress;
    this.#onProgress = [];
    for (const listener of listeners) listener();
  }
}

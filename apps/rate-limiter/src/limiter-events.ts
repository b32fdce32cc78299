import { createUlid } from '@tidegate/events';
import type { EventPublisher } from '@tidegate/event-publisher';
import type { Event } from '@tidegate/grpc';
import type { Clock } from '@tidegate/units';

export interface LimiterEventsOptions {
  readonly publisher: Pick<EventPublisher, 'publish'>;
  readonly instance: string;
  readonly configVersion: string;
  readonly clock: Clock;
}

/** Tells the analytics what happens to this replica. */
export class LimiterEvents {
  readonly #options: LimiterEventsOptions;
  readonly #nextId: () => string;
  #configVersion: string;

  constructor(options: LimiterEventsOptions) {
    this.#options = options;
    this.#nextId = createUlid({ clock: options.clock });
    this.#configVersion = options.configVersion;
  }

  /** @param what one of the words of LifecycleEvent */
  lifecycle(what: 'ready' | 'draining' | 'stopped' | 'degraded' | 'recovered', detail = ''): void {
    this.#publish({ $case: 'lifecycle', value: { what, detail } });
  }

  configAccepted(version: string): void {
    const fromVersion = this.#configVersion;
    this.#configVersion = version;
    this.#publish({ $case: 'configChange', value: { fromVersion, toVersion: version, author: '', detail: '', accepted: true } });
  }

  configRefused(detail: string): void {
    this.#publish({ $case: 'configChange', value: { fromVersion: this.#configVersion, toVersion: '', author: '', detail, accepted: false } });
  }

  #publish(kind: NonNullable<Event['kind']>): void {
    const { publisher, instance, clock } = this.#options;
    const event: Event = { id: this.#nextId(), atUs: Math.round(clock.nowMs() * 1_000), app: 'rate-limiter', instance, configVersion: this.#configVersion, kind };
    void publisher.publish(event, instance);
  }
}

import { createEventMaker, type EventMaker } from '@tidegate/events';
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
  readonly #toEvent: EventMaker;
  #configVersion: string;

  constructor(options: LimiterEventsOptions) {
    this.#options = options;
    this.#toEvent = createEventMaker({ ...options, app: 'rate-limiter' });
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
    const { publisher, instance } = this.#options;
    void publisher.publish(this.#toEvent(kind, this.#configVersion), instance);
  }
}

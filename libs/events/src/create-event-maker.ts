import type { Event } from '@tidegate/grpc';
import { createUlid, type UlidClock } from './create-ulid.js';

/** Who makes events. */
export interface EventMakerOptions {
  /** Name of the app, as events carry it. */
  readonly app: string;
  readonly instance: string;
  readonly clock: UlidClock;
}

/** Puts what happened into its envelope. `atMs`: when it happened, ms since the epoch; default: now. */
export type EventMaker = (kind: NonNullable<Event['kind']>, configVersion: string, atMs?: number) => Event;

/** Makes an app's events: each with an id of its own, the time in whole microseconds, and where it comes from. */
export function createEventMaker({ app, instance, clock }: EventMakerOptions): EventMaker {
  const nextId = createUlid({ clock });
  return (kind, configVersion, atMs = clock.nowMs()) => ({
    id: nextId(),
    atUs: Math.round(atMs * 1_000),
    app,
    instance,
    configVersion,
    kind,
  });
}

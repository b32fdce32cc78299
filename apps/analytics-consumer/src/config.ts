import type { AnalyticsConfig } from '@tidegate/config';
import type { EventsConfig } from '@tidegate/event-publisher';
import type { ListenAddress } from '@tidegate/units';

/** The parts of tidegate.yaml that this app reads. */
export interface AnalyticsAppConfig {
  readonly listeners: {
    /** The JSON API. */
    readonly analytics: { readonly address: ListenAddress };
    readonly ops: { readonly address: ListenAddress };
  };
  readonly events: EventsConfig;
  readonly analytics: AnalyticsConfig;
}

/** The secrets that this app reads. */
export interface AnalyticsSecrets {
  /** Bearer token of the API and of the admin routes (gateway/A11). */
  readonly adminToken: string;
}

import type { RouteTable } from '@tidegate/routing';
import type { ServiceConfig } from '@tidegate/proxy';

/** Everything of one config version that a request needs. Immutable; a request reads one from start to end (gateway/K2). */
export interface Snapshot {
  readonly configVersion: string;
  readonly routes: RouteTable;
  readonly services: Readonly<Record<string, ServiceConfig>>;
}

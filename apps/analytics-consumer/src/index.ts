export { bootstrap, type BootstrapOptions, type RunningAnalytics } from './bootstrap.js';
export type { AnalyticsAppConfig, AnalyticsSecrets } from './config.js';
export { StoreError, type StoreExitCode } from './open-store.js';
export type { ClientDetail, RouteDetail } from './query/detail-queries.js';
export type { EventPage } from './query/event-queries.js';
export type { ReplayReport } from './query/replay-query.js';
export type { Point, Summary, Totals } from './query/route-queries.js';
export type { TopPage } from './query/top-queries.js';

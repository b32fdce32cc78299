export { createLineCap, type LineCapOptions } from './line-cap.js';
export { HealthState, type HealthCheck } from './health-state.js';
export type { Logger, LoggerOptions, LogLevel } from './logger.js';
export { maskSecrets } from './mask-secrets.js';
export {
  counter,
  createRegistry,
  gauge,
  histogram,
  Registry,
  sumMetrics,
  type Counter,
  type Gauge,
  type GaugeAggregator,
  type Histogram,
  type MetricOptions,
  type MetricSamples,
} from './metrics.js';
export { createObservability, type Observability } from './observability.js';
export { requestSeries, type RecordRequest, type RequestSeriesOptions } from './request-series.js';
export { formatTraceparent, newSpanId, newTraceId, parseTraceparent, type TraceContext } from './trace-context.js';
